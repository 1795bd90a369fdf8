"""A store in plain memory: no disk, the same promises.

Shipped for tests, simulations and embedding. It is held to the contract tests of the SQLite
adapter: whole batches, pages and cursors, sums of hours, retention, replay after a crash.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise, takewhile
from math import inf
from operator import attrgetter
from typing import Final

from msgspec.structs import replace as changed

from fleet.contract.vocabulary import MessageKind
from fleet.domain.alert import Alert
from fleet.domain.commands import IssuedCommand
from fleet.domain.events import Fact
from fleet.domain.failover.pair import Pair
from fleet.domain.silences import Silence
from fleet.domain.work.limits import KEPT_TOLD
from fleet.store import cursors
from fleet.store.hour_totals import HourTotals, is_over
from fleet.store.leadership import Leadership
from fleet.store.pairs import InMemoryPairs, PairStore
from fleet.store.port import StoreError, StoreFullError
from fleet.store.records import (
    HOUR,
    Batch,
    DeadLetter,
    DiskUsage,
    Erasure,
    Hours,
    HubState,
    Page,
    StoredEvent,
    StoredMessage,
)
from fleet.store.retention import DAY, GIGABYTE, Retention, TimeFor, expired
from fleet.store.rollout_port import RolloutStore
from fleet.store.stored_records import StoredRecords
from fleet.store.timelines import InMemoryTimelines, Span, TimelineStore
from fleet.store.work import renaming, task_calls
from fleet.store.work.in_memory import DirectTransactions, InMemoryWork
from fleet.store.work.transactional import TransactionalWork
from fleet.store.work.transactional_rollouts import TransactionalRollouts
from fleet.store.work_port import WorkStore

_ID: Final = attrgetter("id")


@dataclass(slots=True)
class InMemoryDatabase:
    """What outlives a store, as a file outlives a process. While it is `full`, writes fail."""

    full: bool = False
    messages: list[StoredMessage] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    records: dict[str, tuple[int, str]] = field(default_factory=dict)
    commands: dict[str, IssuedCommand] = field(default_factory=dict)
    hours: dict[tuple[int, int], HourTotals] = field(default_factory=dict)
    """Totals by hour since the epoch and the agent's number."""
    agents: dict[str, int] = field(default_factory=dict)
    """Numbers by name, in the order in which agents were first heard."""
    replay_from: int = 0
    heard_until: float = inf
    last_id: int = 0
    """The newest id that was erased: ids grow beyond it."""
    summed_to: int = 0
    """Messages up to this id are in `hours`."""
    work: InMemoryWork = field(default_factory=InMemoryWork)
    pairs: dict[str, Pair] = field(default_factory=dict)
    listening: list[Span] = field(default_factory=list)


class InMemoryStore:
    """See `fleet.store.port.Store`. A new one over the same database is what a restart sees."""

    leadership: Leadership | None = None

    def __init__(
        self, database: InMemoryDatabase | None = None, retention: Retention | None = None
    ) -> None:
        self.database = database or InMemoryDatabase()
        self.dead_letters_dropped = 0
        self.values_left_out = 0
        self._keep = retention or Retention()
        self._is_open = False
        tables = DirectTransactions(lambda: self._writable().work, lambda: self.database.work)
        self.work: WorkStore = TransactionalWork(tables)
        self.rollouts: RolloutStore = TransactionalRollouts(tables)
        self.pairs: PairStore = InMemoryPairs(lambda: self._writable().pairs, self.database.pairs)
        self.timelines: TimelineStore = InMemoryTimelines(self._writable, self.database)

    def open(self) -> HubState:
        self._is_open = True
        kept = self.database
        ids = [items[-1].id for items in (kept.messages, kept.dead_letters, kept.events) if items]
        times = [(message.id, message.at) for message in kept.messages[-1:]]
        times += [(stored.id, stored.event.at) for stored in kept.events[-1:]]
        return HubState(
            last_id=max([kept.last_id, *ids]),
            last_at=max(times, default=(0, 0.0))[1],
            records=StoredRecords([(a, upto, text) for a, (upto, text) in kept.records.items()]),
            alerts=list(kept.alerts.values()),
            silences=list(kept.silences.values()),
            replay_from=kept.replay_from,
            heard_until=kept.heard_until,
        )

    async def close(self) -> None:
        self._is_open = False

    # Writing

    async def commit(self, batch: Batch) -> None:
        kept = self._writable()
        # All that can fail comes first: from here on the batch is written whole.
        records = {agent: (upto, json.dumps(state)) for agent, upto, state in batch.records}
        ids = [message.id for message in (*kept.messages[-1:], *batch.messages)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise StoreError("the store refused a write", "a message's id does not grow")
        kept.messages += batch.messages
        for message in batch.messages:
            if message.agent not in kept.agents:
                kept.agents[message.agent] = max(kept.agents.values(), default=0) + 1
        kept.events += batch.events
        kept.dead_letters += batch.dead_letters
        over = max(0, len(kept.dead_letters) - self._keep.max_dead_letters)
        del kept.dead_letters[:over]
        self.dead_letters_dropped += over
        kept.alerts |= {(alert.agent, alert.code): alert for alert in batch.alerts}
        for key in batch.forgotten_alerts:
            kept.alerts.pop(key, None)
        kept.silences |= {silence.id: silence for silence in batch.silences}
        for silence_id in batch.lifted:
            kept.silences.pop(silence_id, None)
        kept.records |= records
        for name in batch.forgotten_records:
            kept.records.pop(name, None)
        task_calls.hear(kept.work, batch.progress)
        kept.replay_from = kept.replay_from if batch.replay_from is None else batch.replay_from
        kept.heard_until = kept.heard_until if batch.heard_until is None else batch.heard_until
        for erasure in batch.erased:
            self._erase(kept, erasure)
        for old, new in batch.renamed:
            self._rename(kept, old, new)
            renaming.rename(kept.work, old, new)

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        kept = self._writable()
        for new in commands:
            kept.commands[new.id] = changed(
                kept.commands.get(new.id, new),
                state=new.state,
                sent=new.sent,
                ended=new.ended,
                code=new.code,
                took=new.took,
            )

    async def upkeep(self, now: float, due: TimeFor | None = None) -> bool:
        kept = self._writable()
        self._sum_up(kept, now)
        self._forget(kept, now, due or (lambda _: now))
        by = now if due is None else min(now, due(KEPT_TOLD / DAY))
        return task_calls.forget(kept.work, by)

    def _erase(self, kept: InMemoryDatabase, erasure: Erasure) -> None:
        agent, upto = erasure.agent, erasure.upto
        kept.last_id = max(kept.last_id, upto)
        kept.messages = [m for m in kept.messages if m.agent != agent or m.id > upto]
        kept.events = [e for e in kept.events if e.event.agent != agent or e.id > upto]
        kept.dead_letters = [
            d for d in kept.dead_letters if d.topic not in erasure.topics or d.id > upto
        ]
        kept.commands = {c.id: c for c in kept.commands.values() if c.agent != agent}
        number = kept.agents.get(agent)
        kept.hours = {key: totals for key, totals in kept.hours.items() if key[1] != number}

    def _rename(self, kept: InMemoryDatabase, old: str, new: str) -> None:
        kept.messages = [m._replace(agent=new) if m.agent == old else m for m in kept.messages]
        kept.events = [
            replace(e, event=replace(e.event, agent=new))
            if e.event.agent == old and e.event.fact is not Fact.FORGOTTEN
            else e
            for e in kept.events
        ]
        kept.commands = {
            c.id: changed(c, agent=new) if c.agent == old else c for c in kept.commands.values()
        }
        number = kept.agents.pop(old, None)
        if number is None:
            return
        taken = kept.agents.pop(new, None)
        kept.agents[new] = number
        for hour in [hour for hour, of in kept.hours if of == taken]:
            totals = kept.hours.pop((hour, taken or 0))
            earlier = kept.hours.get((hour, number))
            if earlier is not None:
                totals.put_before(earlier.counts, earlier.metrics)
            kept.hours[hour, number] = totals

    def _writable(self) -> InMemoryDatabase:
        if not self._is_open:
            raise StoreError("the store is closed")
        if self.database.full:
            raise StoreFullError("the store's disk is full", "it was made so", "free space")
        return self.database

    def _sum_up(self, kept: InMemoryDatabase, now: float) -> None:
        """Add the messages of hours that are over to their sums."""
        for message in self._above(kept.summed_to):
            if not is_over(message.at, now):
                break
            hour = int(message.at // HOUR), kept.agents[message.agent]
            totals = kept.hours.setdefault(hour, HourTotals())
            before = totals.left_out
            totals.add(message.kind, json.loads(message.payload))
            self.values_left_out += totals.left_out - before
            kept.summed_to = message.id

    def _forget(self, kept: InMemoryDatabase, now: float, due: TimeFor) -> None:
        keep = self._keep
        needed = min(kept.replay_from, kept.summed_to)
        size = sum(len(message.payload) for message in kept.messages)
        full = size > keep.max_gb * GIGABYTE
        oldest = float("inf") if full else due(keep.raw) - keep.raw * DAY
        del kept.messages[: _expired((m.at for m in self._below(needed)), oldest, now)]
        oldest = due(keep.dead_letters) - keep.dead_letters * DAY
        del kept.dead_letters[: _expired((d.at for d in kept.dead_letters), oldest, now)]
        oldest = due(keep.events) - keep.events * DAY
        del kept.events[: _expired((stored.event.at for stored in kept.events), oldest, now)]
        del kept.events[: max(0, len(kept.events) - keep.max_events)]
        oldest = (due(keep.rollups) - keep.rollups * DAY) // HOUR
        kept.hours = {key: totals for key, totals in kept.hours.items() if key[0] >= oldest}
        oldest = due(keep.commands) - keep.commands * DAY
        kept.commands = {c.id: c for c in kept.commands.values() if c.created >= oldest}

    def _below(self, id_: int) -> Iterator[StoredMessage]:
        return takewhile(lambda message: message.id < id_, self.database.messages)

    # Reading

    def replay(self, after: int) -> Iterator[StoredMessage]:
        if not self._is_open:
            raise StoreError("the store is closed")
        return self._above(after)

    def _above(self, id_: int) -> Iterator[StoredMessage]:
        messages = self.database.messages
        return islice(messages, bisect_right(messages, id_, key=_ID), None)

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
        after = cursors.parse_message(cursor)
        found = list(islice(self._wanted(after, since, until, agent, kind), limit))
        return Page(found, str(found[-1].id) if len(found) >= limit else None)

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
        wanted = self._wanted(0, since, until, agent, kind)
        below = takewhile(lambda message: before is None or message.id < before, wanted)
        return list(deque(below, maxlen=limit))

    def _wanted(
        self,
        after: int,
        since: float | None,
        until: float | None,
        agent: str | None,
        kind: MessageKind | None,
    ) -> Iterator[StoredMessage]:
        return (
            message
            for message in self._above(after)
            if (since is None or message.at >= since)
            and (until is None or message.at <= until)
            and (not agent or message.agent == agent)
            and kind in (None, message.kind)
        )

    async def rollups(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Hours:
        after = cursors.parse_rollup(cursor)
        names = {number: name for name, number in self.database.agents.items()}
        wanted = (
            (hour, number)
            for hour, number in sorted(self.database.hours)
            if (hour, number) > after
            and (since is None or (hour + 1) * HOUR > since)
            and (until is None or hour * HOUR <= until)
            and (not agent or names[number] == agent)
        )
        keys = list(islice(wanted, limit))
        hours = self.database.hours
        found = [hours[key].rollup(key[0], names[key[1]]) for key in keys]
        return Hours(found, "{}-{}".format(*keys[-1]) if len(keys) >= limit else None)

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        newest_first = reversed(self.database.dead_letters)
        return list(islice((d for d in newest_first if before is None or d.id < before), limit))

    async def commands(self, *, agent: str | None, since: float, limit: int) -> list[IssuedCommand]:
        wanted = (
            command
            for command in self.database.commands.values()
            if command.created >= since and agent in (None, command.agent)
        )
        return sorted(wanted, key=lambda command: (command.created, command.id))[-limit:]

    def disk_usage(self) -> DiskUsage:
        return DiskUsage({}, None)


def _expired(times: Iterable[float], before: float, now: float) -> int:
    """How many of the oldest are from before a time; one of the future is as old as the next."""
    return expired(enumerate(times, 1), before, now) or 0
