"""What the hub asks of its memory, and what a tool beside it may ask.

SQLite serves it, PostgreSQL where there are several hubs, and plain memory in tests.
`tests/contract/test_store_contract.py` holds every implementation to the same promises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import IssuedCommand
from fleet.store.leadership import Leadership
from fleet.store.pairs import PairStore
from fleet.store.records import (
    Batch,
    DeadLetter,
    DiskUsage,
    Hours,
    HubState,
    Page,
    StoredMessage,
)
from fleet.store.retention import TimeFor
from fleet.store.rollout_port import RolloutStore
from fleet.store.timelines import TimelineStore
from fleet.store.work_port import WorkStore


class StoreError(FleetError):
    """The store cannot be opened, is damaged, or is of a newer version."""


class StoreUnavailableError(StoreError):
    """The store takes nothing at present: it is away, starts, fails over or hangs. The same batch
    may be tried again, also where nobody can tell whether it was written."""


class StoreRefusedError(StoreUnavailableError):
    """It is there and lets this login not in: a wrong password, or a database that it does not
    have. A hub that has never been in is told so, and ends."""


class StoreFullError(StoreUnavailableError):
    """The disk takes no more; nothing of the batch was written."""


class LeadershipLostError(StoreError):
    """Another hub leads now: nothing of the batch was written, and this hub must not try again."""


class StoreReader(Protocol):
    """Questions to a store. Each answer holds whole batches only, as they were committed.

    Times are seconds since the epoch on the hub's clock; `since` and `until` both count as
    inside, and None leaves a side open. A cursor stays good while messages are added and old
    ones are forgotten: no page repeats or leaves out what is stored when it is read.
    """

    async def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        kind: MessageKind | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Messages in the order of their ids. Receipts are never among them: the hub sends them.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def newest(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        kind: MessageKind | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[StoredMessage]:
        """The last `limit` of what `history` would give, those with an id below `before`, in the
        same order."""
        ...

    async def rollups(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Hours:
        """Sums of hours that are over, of those which the times touch, oldest first.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        """Newest first, those with an id below `before`."""
        ...

    async def commands(self, *, agent: str | None, since: float, limit: int) -> list[IssuedCommand]:
        """The newest `limit` of those created at `since` or later, oldest first."""
        ...


class Store(StoreReader, Protocol):
    """One hub's memory: everything goes in by `commit` and `save_commands`.

    Ids are given by the hub and grow over all that it stores: they are the order. The times of
    messages grow with them, but go back where the hub found that its clock was wrong. What was
    committed is there after a crash.

    `leadership`: where several hubs may have it, the claim to be the one that writes.
    `dead_letters_dropped`: dead letters that had to make room for newer ones since the start.
    `values_left_out`: values left out of roll-ups since the start, of agents with too many metrics.
    `work`: tasks, boards, grants and blobs, in the same place and the same backup; `rollouts` too.
    `pairs`: pairs of agents, likewise; `timelines`: what is told of many agents at once.
    """

    leadership: Leadership | None
    dead_letters_dropped: int
    values_left_out: int
    work: WorkStore
    rollouts: RolloutStore
    pairs: PairStore
    timelines: TimelineStore

    def open(self) -> HubState:
        """Open, migrate and check.

        Raises:
            StoreError: it cannot be used; says why and what to do.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun; safe to call twice."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Make a batch durable, whole or not at all.

        Alerts, silences and records replace those of the same key; then what the batch forgets
        or lifts goes. A new name that has a history of its own joins the old one to it, and ids go
        on growing whatever is erased. Dead letters beyond the bound push out the oldest at once.

        Raises:
            StoreFullError: the disk is full, nothing was written; try again later.
            StoreUnavailableError: it is away; try the same batch again later.
            LeadershipLostError: another hub writes now.
            StoreError: it failed otherwise, for instance since a message's id is known.
        """
        ...

    def replay(self, after: int) -> Iterable[StoredMessage]:
        """Messages with an id above `after`, in order; only before the hub serves."""
        ...

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        """Keep the newest version of each command: of one that is known, only its state, times
        and the reply's code change.

        Raises:
            StoreError: as for `commit`.
        """
        ...

    async def upkeep(self, now: float, due: TimeFor | None = None) -> bool:
        """A little of the work that waits: index, roll up, forget. True if more is left.

        What is older than the retention goes, by the times that `due` gives, else by `now`; but
        never a message from `replay_from` on, or of an hour that is not summed up yet. What is
        stamped later than `now` was stamped by a clock that was wrong: it is as old as what came
        after it. Beyond the bounds of size and number the oldest go, whatever the time.
        """
        ...

    def disk_usage(self) -> DiskUsage: ...
