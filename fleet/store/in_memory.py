"""A store in plain memory: no disk, the same promises.

Shipped for tests, simulations and embedding. It is held to the contract tests of the SQLite
adapter: whole batches, pages and cursors, sums of hours, retention, replay after a crash.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise, takewhile
from operator import attrgetter
from typing import Final

from fleet.contract.vocabulary import MessageKind
from fleet.domain.alerts import Alert
from fleet.domain.commands import IssuedCommand
from fleet.domain.silences import Silence
from fleet.store import cursors
from fleet.store.hour_totals import HourTotals
from fleet.store.port import StoreError, StoreFullError
from fleet.store.records import (
    HOUR,
    Batch,
    DeadLetter,
    DiskUsage,
    Hours,
    HubState,
    Page,
    StoredEvent,
    StoredMessage,
)
from fleet.store.retention import DAY, GIGABYTE, Retention

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
    summed_to: int = 0
    """Messages up to this id are in `hours`."""


class InMemoryStore:
    """See `fleet.store.port.Store`. A new one over the same database is what a restart sees."""

    def __init__(
        self, database: InMemoryDatabase | None = None, retention: Retention | None = None
    ) -> None:
        self.database = database or InMemoryDatabase()
        self.dead_letters_dropped = 0
        self.values_left_out = 0
        self._keep = retention or Retention()
        self._is_open = False

    def open(self) -> HubState:
        self._is_open = True
        kept = self.database
        ids = [items[-1].id for items in (kept.messages, kept.dead_letters, kept.events) if items]
        times = [message.at for message in kept.messages[-1:]]
        times += [stored.event.at for stored in kept.events[-1:]]
        return HubState(
            last_id=max(ids, default=0),
            last_at=max(times, default=0.0),
            records=[(agent, upto, json.loads(s)) for agent, (upto, s) in kept.records.items()],
            alerts=list(kept.alerts.values()),
            silences=list(kept.silences.values()),
            replay_from=kept.replay_from,
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
            kept.agents.setdefault(message.agent, len(kept.agents) + 1)
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
        if batch.replay_from is not None:
            kept.replay_from = batch.replay_from

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        kept = self._writable()
        for new in commands:
            kept.commands[new.id] = replace(
                kept.commands.get(new.id, new),
                state=new.state,
                sent=new.sent,
                ended=new.ended,
                code=new.code,
                took=new.took,
            )

    async def upkeep(self, now: float) -> bool:
        kept = self._writable()
        self._sum_up(kept, now)
        self._forget(kept, now)
        return False

    def _writable(self) -> InMemoryDatabase:
        if not self._is_open:
            raise StoreError("the store is closed")
        if self.database.full:
            raise StoreFullError("the store's disk is full", "it was made so", "free space")
        return self.database

    def _sum_up(self, kept: InMemoryDatabase, now: float) -> None:
        """Add the messages of hours that are over to their sums."""
        running = now // HOUR * HOUR
        for message in self._above(kept.summed_to):
            if message.at >= running:
                break
            hour = int(message.at // HOUR), kept.agents[message.agent]
            totals = kept.hours.setdefault(hour, HourTotals())
            before = totals.left_out
            totals.add(message.kind, json.loads(message.payload))
            self.values_left_out += totals.left_out - before
            kept.summed_to = message.id

    def _forget(self, kept: InMemoryDatabase, now: float) -> None:
        keep = self._keep
        needed = min(kept.replay_from, kept.summed_to)
        size = sum(len(message.payload) for message in kept.messages)
        oldest = float("inf") if size > keep.max_gb * GIGABYTE else now - keep.raw * DAY
        kept.messages = [m for m in kept.messages if m.id >= needed or m.at >= oldest]
        oldest = now - keep.dead_letters * DAY
        kept.dead_letters = [d for d in kept.dead_letters if d.at >= oldest]
        oldest = now - keep.events * DAY
        kept.events = [stored for stored in kept.events if stored.event.at >= oldest]
        del kept.events[: max(0, len(kept.events) - keep.max_events)]
        oldest = (now - keep.rollups * DAY) // HOUR
        kept.hours = {key: totals for key, totals in kept.hours.items() if key[0] >= oldest}
        oldest = now - keep.commands * DAY
        kept.commands = {c.id: c for c in kept.commands.values() if c.created >= oldest}

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
