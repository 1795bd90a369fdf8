"""A task as everybody names it: ids, states and digests; never what the work is about.

`life.py` says how it changes. Times are seconds since the epoch on the hub's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import FINAL, MediaType, TaskReason, TaskState

DAY: Final = 86400.0
TTL: Final = 7 * DAY
"""Seconds that a task may live unless it says otherwise: a week's holiday, and no more."""
TIMEOUT: Final = 3600.0
"""Seconds that one attempt may take unless the task says otherwise."""
MAX_ATTEMPTS: Final = 3
"""Attempts unless the task says otherwise: one for the work, one for bad luck, one to be sure."""
LEASE: Final = 60.0
"""Seconds that a claim holds; it is renewed at a third of that."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content: OCI's descriptor without names, annotations or URLs."""

    digest: str
    size: int
    media_type: MediaType = MediaType.BYTES


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work for one group.

    Attributes:
        id: a ULID made by the caller: the same one again is the same task.
        context: the session (a ULID) whose board it uses.
        to: the agent it is for; empty: any of the group that can do `kind`.
        by: who submitted it: `agent:NAME`, or the token's id and role; for the record.
        parent: the task that delegated this one; `depth` counts such steps.
        attempt: counted before the worker starts.
        epoch: grows with every claim, and whenever a lease is taken away.
        holder: the agent that holds the lease until `lease_until`, or that held it last.
        expires: when its `ttl` is over: counted from its submission, or from an operator's retry.
        not_before: when it may be claimed (again): a failed attempt waits.
        started: when the present attempt, or the last one, was claimed.
        cancel: somebody called it off while a worker was at it: the worker is to end.
        told: whether the submitter has acknowledged the final state.
    """

    id: str
    group: str
    context: str
    kind: str
    created: float
    to: str = ""
    by: str = ""
    input: tuple[Descriptor, ...] = ()
    output: tuple[Descriptor, ...] = ()
    after: tuple[str, ...] = ()
    parent: str | None = None
    depth: int = 0
    priority: Priority = Priority.NORMAL
    ttl: float = TTL
    timeout: float = TIMEOUT
    max_attempts: int = MAX_ATTEMPTS
    expires: float = 0.0
    state: TaskState = TaskState.SUBMITTED
    attempt: int = 0
    epoch: int = 0
    holder: str = ""
    lease_until: float | None = None
    not_before: float = 0.0
    started: float | None = None
    ended: float | None = None
    progress: int = 0
    reason: TaskReason | None = None
    cancel: bool = False
    told: bool = False

    @property
    def final(self) -> bool:
        return self.state in FINAL


_FIELDS: Final = tuple(field.name for field in fields(Task))
_values: Final = attrgetter(*_FIELDS)


def changed(task: Task, **changes: Any) -> Task:
    """`dataclasses.replace` at half its price, since every step of every task pays it."""
    return Task(**dict(zip(_FIELDS, _values(task), strict=True)) | changes)
