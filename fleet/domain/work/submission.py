"""Whether a task may be taken as it is asked for; what needs the store is asked there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from fleet.contract.patterns import AGENT_NAME, ULID
from fleet.contract.work_vocabulary import TASK_KIND_TEXT, TaskState
from fleet.domain.work.errors import CyclicError, InvalidTaskError
from fleet.domain.work.limits import (
    ATTEMPTS,
    MAX_AFTER,
    MAX_DEPTH,
    MAX_DESCRIPTORS,
    MAX_SIZE,
    TIMEOUTS,
    TTLS,
)
from fleet.domain.work.task import Descriptor, Task

_ULID: Final = re.compile(ULID)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_BYTES: Final = 200
"""Of a submitter: a token's id and role."""


def require_valid(task: Task) -> None:
    """
    Raises:
        InvalidTaskError: a field is out of its bounds; names it.
        CyclicError: the task waits for itself.
    """
    for field, text, pattern, why, remedy in (
        ("id", task.id, _ULID, "it is no ULID", "make a new ULID for it"),
        ("context", task.context, _ULID, "it is no ULID", "make a new ULID for it"),
        ("parent", task.parent, _ULID, "it is no ULID", "name the task that delegates"),
        ("kind", task.kind, TASK_KIND_TEXT, "it is no word of a to z, 0 to 9, -", "research"),
        ("group", task.group, AGENT_NAME, "it is no name of a group", "fleet status"),
        ("to", task.to or None, AGENT_NAME, "it is no name of an agent", "fleet status"),
    ):
        if text is not None and not pattern.fullmatch(text):
            raise InvalidTaskError(field, why, remedy)
    if len(task.by.encode()) > _NAME_BYTES:
        raise InvalidTaskError("by", f"it is longer than {_NAME_BYTES} bytes", "a shorter name")
    for field, (low, high) in (("ttl", TTLS), ("timeout", TIMEOUTS), ("max_attempts", ATTEMPTS)):
        if not low <= getattr(task, field) <= high:  # also refuses what is no number
            raise InvalidTaskError(field, f"it is not {low:g} to {high:g}", f"{field} = {low:g}")
    if task.state not in (TaskState.SUBMITTED, TaskState.AUTH_REQUIRED):
        raise InvalidTaskError("state", f"no life begins as {task.state}", "leave it out")
    require_descriptors("input", task.input)
    if len(set(task.after)) != len(task.after) or len(task.after) > MAX_AFTER:
        raise InvalidTaskError("after", f"it is not up to {MAX_AFTER} ids", "name each once")
    if not all(_ULID.fullmatch(other) for other in task.after):
        raise InvalidTaskError("after", "one of the ids is no ULID", "name tasks by their ids")
    if task.parent == task.id:
        raise CyclicError(task.id)
    require_acyclic(task, ())


def require_acyclic(task: Task, ancestors: Sequence[Task]) -> None:
    """`ancestors`: who delegated it, and who delegated that. Tasks of `after` are known before the
    one that waits for them, so no other circle can be.

    Raises:
        CyclicError: the task waits for itself, or for one that waits for it to be done.
    """
    for other in (task.id, *(ancestor.id for ancestor in ancestors)):
        if other in task.after:
            raise CyclicError(other)


def require_depth(depth: int) -> None:
    """
    Raises:
        InvalidTaskError: it was delegated too often already.
    """
    if depth > MAX_DEPTH:
        raise InvalidTaskError(
            "parent",
            f"it would be delegated {depth} times, and {MAX_DEPTH} is the most",
            "let the agent do it itself, or a person submit it",
        )


def require_descriptors(field: str, descriptors: Sequence[Descriptor]) -> None:
    """
    Raises:
        InvalidTaskError: there are too many, or one is none.
    """
    if len(descriptors) > MAX_DESCRIPTORS:
        raise InvalidTaskError(
            field, f"there are more than {MAX_DESCRIPTORS}", "put several files into one archive"
        )
    for one in descriptors:
        if not _DIGEST.fullmatch(one.digest) or not 0 <= one.size <= MAX_SIZE:
            raise InvalidTaskError(
                field, "one is no digest with its size", "sha256: and 64 digits, and its bytes"
            )


def begun(task: Task, depth: int, now: float) -> Task:
    """The task as it begins: only what its submitter may say is taken from it."""
    return Task(
        task.id, task.group, task.context, task.kind, now, task.to, task.by, task.input,
        after=task.after, parent=task.parent, depth=depth, priority=task.priority,
        ttl=task.ttl, timeout=task.timeout, max_attempts=task.max_attempts, state=task.state,
        expires=now + task.ttl, not_before=now,
    )  # fmt: skip


def content(task: Task) -> str:
    """A digest of what makes a task this one: equal for the same request, sent again; `state` is
    not of it, since a person may have approved it meanwhile."""
    text = repr(
        (
            task.group, task.context, task.kind, task.to, task.by,
            [(one.digest, one.size, one.media_type.value) for one in task.input],
            task.after, task.parent, task.priority.value,
            float(task.ttl), float(task.timeout), int(task.max_attempts),
        )
    )  # fmt: skip
    return sha256(text.encode()).hexdigest()
