"""What callers ask for, as plain values; bounds of fields are the domain's to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from fleet.domain.work.task import MAX_ATTEMPTS, TIMEOUT, TTL, Descriptor


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A task to submit. `group` None: the caller's own, or that of `to`."""

    id: str
    context: str
    kind: str
    group: str | None = None
    to: str = ""
    input: tuple[Descriptor, ...] = ()
    after: tuple[str, ...] = ()
    parent: str | None = None
    priority: Priority = Priority.NORMAL
    ttl: float = TTL
    timeout: float = TIMEOUT
    max_attempts: int = MAX_ATTEMPTS


class End(NamedTuple):
    """How an attempt ended."""

    epoch: int
    state: TaskState
    output: tuple[Descriptor, ...] = ()
    reason: TaskReason | None = None


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list is about."""

    group: str | None = None
    context: str | None = None
    agent: str | None = None
    states: frozenset[TaskState] = frozenset()
    cursor: str | None = None
    limit: int = 100


class EntryRequest(NamedTuple):
    """An entry for a board. `expected`: the version that must be the newest, 0: none yet."""

    context: str
    section: BoardSection
    name: str
    descriptor: Descriptor
    task: str = ""
    expected: int | None = None
