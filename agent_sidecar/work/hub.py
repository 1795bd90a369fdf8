"""The port to the hub: what a worker needs of it, and no more. Ids, digests and files pass here.

`fake_hub` keeps the same promises in this process, `hub_client` over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import BoardSection, MediaType, TaskReason, TaskState

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
TASK_ID: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
"""A ULID: it becomes the name of a folder and of a container."""


class LeaseLost(FleetError):
    """The claim is not ours any more: the worker must end at once, and nothing of it counts."""


class HubAway(FleetError):
    """The hub does not answer, or not now: it may be asked again."""


class HubRefused(FleetError):
    """The hub understood, and refuses: to ask again changes nothing."""


class NotAdmitted(HubRefused):
    """The hub does not know who asks, or there is no token to be read: a person can mend that while
    we run."""


class BlobUnavailable(HubRefused):
    """There is no such blob, or no right to it."""


class BlobMismatch(HubRefused):
    """What came is not what its digest says."""


class BlobTooLarge(HubRefused):
    """The hub takes no blob, or no more, of this size."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content."""

    digest: str
    size: int
    media_type: MediaType = MediaType.BYTES


@dataclass(frozen=True, slots=True)
class Offer:
    """There is work of a kind."""

    task: str
    kind: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that is ours until its lease ends.

    Attributes:
        lease, timeout: s from the claim on.
        attempt: counted by the hub before we start.
        asked: when we asked for it (s of `machine_time`, which goes on while the machine sleeps).
            started: the same moment on the hub's clock, so that what it says of its clock is known
            on ours.
    """

    task: str
    kind: str
    context: str
    epoch: int
    attempt: int
    lease: float
    timeout: float
    input: tuple[Descriptor, ...] = ()
    asked: float = 0.0
    started: float = 0.0

    @property
    def name(self) -> str:
        """Unique on this machine: of its attempt's folder, container and unit, and its result."""
        return f"{self.task.lower()}-{self.epoch}"


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """One entry of a blackboard."""

    section: BoardSection
    name: str
    content: Descriptor


OnProgress = Callable[[Claim, TaskState, int, "TaskReason | None"], None]
"""Told how far a task is: state, 0 to 100, and why it ended; from any thread, and not believed by
anybody: what counts is what the hub is asked."""


def untold(_claim: Claim, _state: TaskState, _progress: int, _reason: TaskReason | None) -> None:
    """Nobody listens."""


class WorkHub(Protocol):
    """All of it may raise `HubAway` and `HubRefused`, and with a claim `LeaseLost`."""

    def offered(self) -> Sequence[Offer]:
        """Work for this agent that nobody has claimed."""

    def claim(self, task: str) -> Claim | None:
        """Take a task; None where somebody else has it, or it is over."""

    def renew(self, claim: Claim, progress: int, result: bool = False) -> tuple[float, bool]:
        """Hold it for longer: (s from now, whether somebody called it off). With a `result`, while
        nothing runs any more, also where it ran out and nobody has claimed the task since."""

    def complete(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        """Hand it back as done; every output is stored."""

    def ask(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        """Hand it back with a question, which is stored: it goes on once it is answered."""

    def fail(self, claim: Claim, reason: TaskReason) -> None:
        """Hand it back as not done; the hub decides what follows."""

    def read_blob(self, claim: Claim, content: Descriptor, into: int) -> None:
        """Write a blob to the descriptor `into`, verified.

        Raises:
            BlobUnavailable: there is none, or no right to it.
            BlobMismatch: it is not what its digest says.
        """

    def store_blob(self, claim: Claim, content: Descriptor, source: int) -> None:
        """Store what the descriptor `source` holds.

        Raises:
            BlobMismatch: it is not what its digest says.
            BlobTooLarge: the hub does not take so much.
        """

    def board(self, claim: Claim) -> Sequence[BoardEntry]:
        """What stands on the board of its context."""

    def put_entry(self, claim: Claim, entry: BoardEntry) -> None:
        """Put an entry on the board; its content is stored."""
