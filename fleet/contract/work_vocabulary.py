"""The closed vocabularies of work by reference: what a task may be, and nothing about what it says.

Terms are A2A's for states and OCI's for descriptors. See `adr/0022-work-by-reference.md`.
"""

from __future__ import annotations

import re
from typing import Final

from fleet.contract.vocabulary import Word

TASK_KIND: Final = r"[a-z][a-z0-9-]{0,31}"
TASK_KIND_TEXT = re.compile(TASK_KIND)
ENTRY_NAME: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
"""The name of a board entry: a plain file name, never a path."""
ENTRY_NAME_TEXT = re.compile(ENTRY_NAME)
GROUP_NAME: Final = r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}"
GROUP_NAME_TEXT = re.compile(GROUP_NAME)


class TaskState(Word):
    """Where a task is in its life; the last six are final."""

    SUBMITTED = "submitted", "waits for an agent to claim it"
    WORKING = "working", "an agent holds its lease"
    INPUT_REQUIRED = "input-required", "the worker asks for more before it goes on"
    AUTH_REQUIRED = "auth-required", "a person must approve it first"
    COMPLETED = "completed", "every output is stored and verified"
    FAILED = "failed", "the worker said that it cannot be done, or failed too often"
    CANCELED = "canceled", "called off"
    REJECTED = "rejected", "nobody may or can do it as it was asked"
    TIMED_OUT = "timed-out", "its time to live was over first"
    LOST = "lost", "its workers vanished too often"


FINAL: Final = frozenset(
    {
        TaskState.COMPLETED,
        TaskState.FAILED,
        TaskState.CANCELED,
        TaskState.REJECTED,
        TaskState.TIMED_OUT,
        TaskState.LOST,
    }
)


class TaskReason(Word):
    """Why a task, or one attempt at it, ended as it did; never prose."""

    WORKER_EXIT = "worker-exit", "the worker ended with an exit code that is not 0"
    WORKER_SIGNAL = "worker-signal", "the worker was ended by a signal it did not expect"
    WORKER_TIMEOUT = "worker-timeout", "an attempt took longer than it may"
    WORKER_STALLED = "worker-stalled", "no progress for longer than the worker may be silent"
    OUT_OF_MEMORY = "out-of-memory", "the worker used more memory than it may"
    TOO_MANY_PROCESSES = "too-many-processes", "the worker started more processes than it may"
    OUTPUT_TOO_LARGE = "output-too-large", "the worker wrote more than it may"
    OUTPUT_MISSING = "output-missing", "an output that must be there is not"
    OUTPUT_REFUSED = "output-refused", "an output is no plain file of its own"
    DIGEST_MISMATCH = "digest-mismatch", "what came is not what its digest says"
    INPUT_UNAVAILABLE = "input-unavailable", "an input cannot be had"
    ISOLATION_UNAVAILABLE = "isolation-unavailable", "the isolation asked for cannot be had here"
    KIND_UNKNOWN = "kind-unknown", "no agent of the group does work of this kind"
    LEASE_EXPIRED = "lease-expired", "the lease ran out before the worker reported"
    DEPENDENCY_FAILED = "dependency-failed", "a task that must come first did not complete"
    NOT_APPROVED = "not-approved", "a person refused it"
    CANCEL_ASKED = "cancel-asked", "somebody called it off"
    TTL_OVER = "ttl-over", "its time to live was over"
    AGENT_GONE = "agent-gone", "the agent it was for was revoked"
    SIDECAR_STOPPED = "sidecar-stopped", "the sidecar beside the worker stopped"
    WRONG_VERSION = "wrong-version", "the version that runs is not the one asked for"
    VERSION_REFUSED = "version-refused", "what is allowed beside the agent names no such version"
    NO_UPDATE_PLAN = "no-update-plan", "nothing beside the agent says how to update it"
    ALREADY_CURRENT = "already-current", "the version asked for runs already"
    SNAPSHOT_FAILED = "snapshot-failed", "what a rollback needs cannot be kept; nothing was changed"
    ROLLED_BACK = "rolled-back", "the update failed, and the version before runs again"
    ROLLBACK_FAILED = "rollback-failed", "the update failed, and so did the way back: look at it"


class BoardSection(Word):
    """The sections of a blackboard."""

    CONTEXT = "context", "what everybody on the board should know first"
    FINDINGS = "findings", "what workers found out"
    DESIGNS = "designs", "what workers propose"
    CRITIQUES = "critiques", "what workers say of each other's"
    FINAL = "final", "what is handed back"


class MediaType(Word):
    """What a descriptor may say of its content: a closed list, since a free one carries words."""

    TEXT = "text/plain", "plain text"
    MARKDOWN = "text/markdown", "Markdown"
    CSV = "text/csv", "a table"
    PYTHON = "text/x-python", "a Python program"
    JSON = "application/json", "JSON"
    PDF = "application/pdf", "a document to print"
    ZIP = "application/zip", "a ZIP archive"
    GZIP = "application/gzip", "a compressed file"
    TAR = "application/x-tar", "a tar archive"
    PNG = "image/png", "a picture"
    JPEG = "image/jpeg", "a photograph"
    WEBP = "image/webp", "a picture"
    BYTES = "application/octet-stream", "any bytes"


class BuiltInKind(Word):
    """Kinds of task that every sidecar knows; what they do is configured beside the agent."""

    UPDATE = "update", "bring the agent to another version"
    ACTIVATE = "activate", "take up the active role of a pair"
    DEACTIVATE = "deactivate", "lay the active role of a pair down"
    SCRIPT = "script", "a program written by a model, in a container only"
