"""What the store of work answers besides tasks: plain values, the same for every implementation.

Ids, digests, states and times only; never what the work is about. Times are seconds since the
epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fleet.contract.work_vocabulary import BoardSection, TaskState
from fleet.domain.work.task import Descriptor, Task


class Changed(NamedTuple):
    """A task after a step, and the others that changed with it: those that waited for it."""

    task: Task
    others: tuple[Task, ...] = ()


class TaskPage(NamedTuple):
    """Tasks in their order; `next` is the cursor of the following page, None at the end."""

    tasks: list[Task]
    next: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """A session: the group that it belongs to, and when its first task or blob opened it."""

    id: str
    group: str
    created: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an entry on a board; versions of a name count from 1.

    Attributes:
        author: who put it: `agent:NAME`, or the token's id and role.
        task: the task whose worker wrote it; empty if none did.
    """

    context: str
    section: BoardSection
    name: str
    version: int
    descriptor: Descriptor
    author: str
    task: str
    at: float


class Read(NamedTuple):
    """Somebody read a blob: who, which, when."""

    at: float
    reader: str
    digest: str


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Figures for metrics.

    Attributes:
        open: tasks by state, of those that are not final.
        ended: tasks that became final since ever, by state.
        oldest_queued: when the task was due that waits longest to be claimed; None: none waits.
        attempts, expiries: claims, and leases that ran out or were taken away, since ever.
        seconds: seconds from claim to end of completed attempts since ever, by kind, and how many.
    """

    open: dict[TaskState, int] = field(default_factory=dict)
    ended: dict[TaskState, int] = field(default_factory=dict)
    oldest_queued: float | None = None
    attempts: int = 0
    expiries: int = 0
    seconds: dict[str, tuple[float, int]] = field(default_factory=dict)
