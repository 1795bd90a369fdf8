"""The tables of work, as what is done with them: the part that each kind of database brings itself.

All of it is called inside a transaction of the caller's. Lists come in a stated order and bounded;
what is not there is None or empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from fleet.contract.work_vocabulary import BoardSection, TaskState
from fleet.domain.work.task import Task
from fleet.store.work.rollout_tables import RolloutTables
from fleet.store.work_records import Context, Entry, Read, WorkCounts

OTHER: Final = "other"
"""The kind under which those beyond `MAX_KINDS` are counted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks; None and empty narrow nothing."""

    group: str | None = None
    context: str | None = None
    agent: str | None = None
    states: Collection[TaskState] = ()


class Claim(NamedTuple):
    """Who wants the next task of which kinds."""

    agent: str
    group: str
    kinds: tuple[str, ...]
    now: float


class Needs(NamedTuple):
    """What a call will ask the tables for, as far as that is known before: so it is read in one go
    for all that share a transaction. Whether it is right changes no answer.

    Attributes:
        task: the task that it is about, and may change.
        ends: whether that task may end by it.
        tasks: others of which it wants to know.
        context, group: of which it wants to know how full they are.
        holder: the agent of which it wants to know what it works at.
    """

    task: str = ""
    ends: bool = False
    tasks: tuple[str, ...] = ()
    context: str = ""
    group: str = ""
    holder: str = ""
    claim: Claim | None = None


NOTHING: Final = Needs()


class Fill(NamedTuple):
    """How full a group is: tasks that wait to be claimed, and tasks."""

    queued: int
    kept: int


class TaskTables(Protocol):
    """Tasks, and the numbers that are kept beside them so that nobody has to count.

    `insert` and `save` keep up with all of these: the order of changes, how full the group is, the
    totals, and what a task's descriptors refer to.
    """

    def find(self, id_: str) -> Task | None: ...

    def content_of(self, id_: str) -> str:
        """`submission.content` of the task as it was submitted."""
        ...

    def insert(self, task: Task, waits: int, content: str) -> None:
        """A new task that waits for so many others."""
        ...

    def save(self, before: Task, after: Task, waits: int | None = None) -> None:
        """What changed of a task; `waits`: for how many others it waits from now on."""
        ...

    def claim(self, agent: str, group: str, kinds: Sequence[str], now: float) -> Task | None:
        """The first of `offered`, changed as by `life.claimed`."""
        ...

    def offered(
        self, agent: str, group: str, kinds: Sequence[str], now: float, limit: int
    ) -> list[Task]: ...

    def states(self, ids: Collection[str], context: str) -> dict[str, TaskState]:
        """Of those of these tasks that belong to the context."""
        ...

    def dependents(self, id_: str) -> list[Task]:
        """Tasks that wait for this one, in the order of their submission."""
        ...

    def waits_less(self, id_: str) -> list[Task]:
        """Each task that waits for this one waits for one less; those that wait for none now."""
        ...

    def due(self, now: float, limit: int) -> list[Task]:
        """Open tasks that time changes, those first that it should have changed first."""
        ...

    def open_of(self, agent: str) -> list[Task]:
        """Open tasks that are for the agent, or that it works at."""
        ...

    def opened_after(self, number: int, limit: int) -> list[tuple[int, Task]]:
        """Tasks that are not final, with their numbers, in the order of their submission."""
        ...

    def newest(self, wanted: Wanted, below: int | None, limit: int) -> list[tuple[int, Task]]:
        """Tasks with their numbers, which count submissions, newest first."""
        ...

    def changed(self, group: str | None, after: int, limit: int) -> list[tuple[int, Task]]:
        """Tasks with the numbers of their last changes, in that order."""
        ...

    def untold(self, submitter: str, limit: int) -> list[Task]: ...

    def unapproved(self, submitter: str) -> int: ...

    def submitted_in(self, submitter: str, context: str) -> bool: ...

    def deepest_held(self, agent: str) -> int:
        """The greatest depth among tasks that the agent works at; -1: it works at none."""
        ...

    def fill(self, group: str) -> Fill: ...

    def gone(self, now: float, limit: int) -> list[Task]:
        """Final tasks that nobody needs any more: see `KEPT_TOLD` and `KEPT_UNTOLD`; of a group
        that keeps more than half of `MAX_KEPT`, those told longest ago go before their time."""
        ...

    def delete(self, tasks: Sequence[Task]) -> None: ...

    def counts(self, now: float) -> WorkCounts: ...


class BoardTables(Protocol):
    """Contexts, their boards and blobs, and who may read them."""

    def context(self, id_: str) -> Context | None: ...

    def context_tasks(self, id_: str) -> int: ...

    def count_contexts(self, group: str) -> int: ...

    def open_context(self, context: Context) -> None: ...

    def join(self, context: str, member: str) -> None:
        """`member` (`Task.by`) submitted a task in it."""
        ...

    def is_member(self, context: str, member: str) -> bool: ...

    def newest_version(self, context: str, section: BoardSection, name: str) -> int:
        """0: there is no such entry."""
        ...

    def count_versions(self, context: str) -> int: ...

    def add_version(self, entry: Entry) -> None: ...

    def board(self, context: str) -> list[Entry]: ...

    def versions(self, context: str, section: BoardSection, name: str) -> list[Entry]: ...

    def grant(self, agent: str, things: Collection[str], until: float) -> None: ...

    def end_grants(self, agent: str) -> None: ...

    def count_grants(self, agent: str, now: float) -> int: ...

    def is_granted(self, agent: str, thing: str, now: float) -> bool: ...

    def lease_shows(self, agent: str, digest: str, now: float) -> bool:
        """Whether the agent holds a live lease of a task that has the digest among its inputs, on
        its board, or among the outputs of those it waited for."""
        ...

    def holds_lease_in(self, agent: str, context: str, now: float) -> bool: ...

    def member_has(self, member: str, group: str | None, digest: str) -> bool:
        """Whether a context (of the group) for which the blob was stored has this member."""
        ...

    def submitter_got(self, submitter: str, digest: str) -> bool:
        """Whether a task of this submitter, in whatever group, has the digest as output."""
        ...

    def log_reads(self, reads: Sequence[Read]) -> None: ...

    def reads(self, since: float, limit: int) -> list[Read]: ...

    def blob_size(self, digest: str, context: str | None) -> int | None: ...

    def blob_bytes(self, group: str) -> int: ...

    def group_has(self, group: str, digest: str) -> bool: ...

    def put_blob(self, context: Context, digest: str, size: int, due: float) -> None:
        """Known or not: it is looked at again at `due`. It counts as by `charge`."""
        ...

    def blobs_due(self, now: float, limit: int) -> list[tuple[str, str, bool]]:
        """Context and digest of blobs that are to be looked at, and whether the context refers to
        it."""
        ...

    def look_again(self, blobs: Iterable[tuple[str, str]], due: float) -> None: ...

    def delete_blobs(self, blobs: Sequence[tuple[str, str]]) -> list[str]:
        """Forget these; the digests that no context has any more."""
        ...

    def forget(self, now: float, limit: int) -> bool:
        """Contexts without tasks, grants that are over, old reads: at most `limit` of each; whether
        more is left."""
        ...


class RenamingTables(Protocol):
    """An agent's name, wherever it stands."""

    def open_naming(self, agent: str) -> list[Task]:
        """Open tasks that are for it, that it holds or held last, or that it submitted."""
        ...

    def set_content(self, id_: str, content: str) -> None:
        """See `content_of`."""
        ...

    def rename_agent(self, old: str, new: str) -> None:
        """In ended tasks, in memberships, on boards, in grants and in the log of reads; what both
        names had is had once, and a grant until the later time."""
        ...


class WorkTables(TaskTables, BoardTables, RenamingTables, RolloutTables, Protocol):
    """All of them."""


BLOCK: Final = 4096
"""Bytes that a blob counts at least: what a file takes, and what a row about it costs."""


def charge(size: int, *, shared: bool) -> int:
    """Bytes of a group's quota that a blob takes in one more context; `shared`: the group has it
    already, in another one."""
    return BLOCK if shared else max(BLOCK, -(-size // BLOCK) * BLOCK)
