"""The one way into the store: messages, facts and alerts that become true together.

Ids grow over everything that is stored, so a client resumes with one number. Roster records
are stored a little later than the messages they come from; a restart applies those again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from fleet.contract.fields import Message
from fleet.contract.topics import Address
from fleet.contract.vocabulary import HubAlertCode, MessageKind, State
from fleet.domain.alerts import AlertBook
from fleet.domain.events import Event, Fact
from fleet.domain.hub_clock import Step
from fleet.domain.roster import Roster
from fleet.domain.silences import AGENT, Silence, maintenance
from fleet.domain.work.progress_report import ProgressReport
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.hub.machine_clock import Kept
from fleet.hub.store_patience import HUB as HUB  # noqa: PLC0414 - others know it from here
from fleet.hub.store_patience import StorePatience
from fleet.store.port import Store
from fleet.store.records import (
    Batch,
    DeadLetter,
    Erasure,
    HubState,
    StoredEvent,
    StoredMessage,
)

OnRename = Callable[[str, str], Awaitable[None]]

SAVE_AFTER: Final = 5.0
"""Seconds a changed record waits before it is stored: a busy agent is not stored each time."""

SAVE_MOST: Final = 200
"""Records stored with one batch: bounds what a commit adds."""

COMMIT_TIMEOUT: Final = 1.5
"""Seconds that a commit may still take when the hub stops."""

UNSTORED: Final = frozenset(
    {Fact.DUPLICATE, Fact.OLD_SESSION, Fact.FILLED, Fact.CROWDED, Fact.TURN}
)
"""Facts that are only counted: a flood of them would bury the others."""


class Committer:
    """Owns ids, the hub's time, and what is not yet stored."""

    def __init__(
        self,
        store: Store,
        roster: Roster,
        feed: Feed,
        counters: Counters,
        clock: HubTime | None = None,
    ) -> None:
        self.store = store
        self.roster = roster
        self.feed = feed
        self.counters = counters
        self.book = AlertBook()
        self.time = clock or HubTime()
        self.book_version = 0
        """Changes with every alert and silence that is stored."""
        self._last_id = 0
        self._dirty: dict[str, tuple[int, float]] = {}
        self._changed: set[str] = set()
        self._taking_turns: set[str] = set()
        self._silences: list[Silence] = []
        self._forgotten: list[str] = []
        self._erased: list[Erasure] = []
        self._renamed: list[tuple[str, str]] = []
        self.on_rename: list[OnRename] = []
        """Who else knows agents by name; asked before what is stored gets another one."""
        self._queue: deque[Batch] = deque()
        self._enqueued = 0
        self._committed = 0
        self._heard_until = inf
        """Until when the last hub that wrote listened, as the store has it; inf: it does."""
        self._turn = asyncio.Lock()
        self.patience = StorePatience(counters, lambda: self.book, self.now)

    def restore(
        self,
        memory: HubState,
        read: Callable[[MessageKind, bytes], Message],
        kept: Kept | None = None,
        *,
        trusted: bool = False,
        followed: Roster | None = None,
    ) -> None:
        """Begin where the last hub ended: its time (see `HubTime.begin`), records, then the
        messages newer than they are. `followed`: all of them, as who followed it knows them."""
        self._last_id = memory.last_id
        self.time.begin(kept, last_at=memory.last_at, trusted=trusted)
        self.book = AlertBook.of(memory.alerts, memory.silences, self.book.limits)
        self.book.keep_time(self.now())
        if followed is None:
            self.roster.load((agent, state) for agent, _upto, state in memory.records)
        else:
            self.roster.take_over(followed)
        upto = memory.records.upto()
        for stored in self.store.replay(memory.replay_from):
            if stored.id > upto.get(stored.agent, 0):
                if followed is None:
                    message = read(stored.kind, stored.payload)
                    address = Address(stored.agent, stored.kind)
                    self.roster.observe(address, message, at=stored.at, retained=stored.retained)
                self._dirty.setdefault(stored.agent, (stored.id, stored.at))
        self._heard_until = memory.heard_until
        if memory.last_at:
            self.roster.stop_listening(min(memory.last_at, memory.heard_until))
        self.book.forget_strangers(self.roster, memory.last_at)
        self.roster.go_on_with(self.book)

    def now(self) -> float:
        """The hub's time, in s since the epoch. It goes back only by a step (`restamp`)."""
        return self.time.now()

    def restamp(self, step: Step) -> None:
        """The hub's time moved: what it knows of is stored with the next batch."""
        self.roster.restamp(step)
        self._silences += self.book.restamp(step)
        self._dirty = {name: (id_, step.moved(at)) for name, (id_, at) in self._dirty.items()}

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def changed(self, agent: str) -> None:
        """Of this agent something is known that no stored message says: its record is stored."""
        self._changed.add(agent)

    @property
    def taking_turns(self) -> set[str]:
        """Agents of which most is applied and not stored, since two use one credential."""
        code = HubAlertCode.CREDENTIAL_USED_TWICE
        self._taking_turns = {one for one in self._taking_turns if self.book.fires(one, code)}
        return self._taking_turns

    def silence(self, silence: Silence) -> None:
        """Hold back alerts; stored with the next batch."""
        self.book.silence(silence, self.now())
        self._silences.append(silence)

    def lift(self, silence_id: str) -> bool:
        """End a silence; stored with the next batch. A window is not opened again for that."""
        window = self.book.silences.get(silence_id)
        if not self.book.lift(silence_id, self.now()):
            return False
        if window is not None and window.is_window:
            self.silence(replace(window, ended=True))
        return True

    def forget(self, agent: str, *, history_of: Sequence[str] | None = None) -> int:
        """Drop what is known of an agent that left; with `history_of`, its topics, also all that is
        stored of it. To be written with `save_all`: then no restart brings it back.

        How many alerts end by it that somebody was told of.
        """
        self.roster.forget(agent)
        self._taking_turns.discard(agent)
        self._dirty.pop(agent, None)
        self._forgotten.append(agent)
        if history_of is not None:
            self._erased.append(Erasure(agent, self._last_id, tuple(history_of)))
        return self.book.forget(agent, self.now())

    def rename(self, old: str, new: str) -> list[Event]:
        """What was of `old`, its history included, is of `new`; the events of it are to be written
        with `save_all`."""
        at = self.now()
        events = self.roster.rename(old, new, at=at)
        self._silences += self.book.rename(old, new, at, moved=events is not None)
        self._dirty.pop(old, None)
        self._taking_turns.discard(old)
        self._forgotten.append(old)
        if events is not None:
            self._dirty[new] = (self._last_id, at)
        self._renamed.append((old, new))
        return events or []

    async def acknowledge(self, agent: str, code: str, by: str) -> bool:
        """Somebody looks at an alert; for drift, this accepts the new configuration."""
        now = self.now()
        if not self.book.acknowledge(agent, code, by, now):
            return False
        if code != HubAlertCode.CONFIG_DRIFT:
            await self.write()
            return True
        events = self.roster.accept_config(agent, at=now)
        self._dirty[agent] = (self._last_id, now)
        await self.write(events, save_all=True)  # no message says it again after a restart
        return True

    def enqueue(
        self,
        messages: list[StoredMessage] | None = None,
        dead_letters: list[DeadLetter] | None = None,
        events: list[Event] | None = None,
        progress: list[ProgressReport] | None = None,
        *,
        save_all: bool = False,
    ) -> int:
        """Line up what becomes true together; a ticket for `commit`.

        Called in the same breath as the observation it follows: no record may be stored that
        knows of a message which is not stored before or with it.
        """
        batch = Batch(messages or [], dead_letters or [], progress=progress or [])
        batch.events = self._apply_events(events or [])
        self._add_state(batch, save_all=save_all)
        self._queue.append(batch)
        self._enqueued += 1
        return self._enqueued

    async def commit(self, ticket: int) -> None:
        """Wait until what `ticket` stands for is durable, as long as the store takes nothing.

        Everything that lines up by then goes into the same transaction, in order.

        Raises:
            StoreError: the store refuses for another reason than room.
        """
        work = asyncio.create_task(self._commit(ticket), name="commit")
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # A transaction cannot be taken back half-way: it ends, or the disk does not let it.
            await asyncio.wait({work}, timeout=COMMIT_TIMEOUT)
            work.cancel()
            raise

    async def _commit(self, ticket: int) -> None:
        async with self._turn:
            if self._committed >= ticket:
                return
            waiting = len(self._queue)
            batch = Batch.joined(list(self._queue))
            await self._write(batch)
            for _ in range(waiting):
                self._queue.popleft()
            self._committed += waiting
        if self.feed:
            items: list[StoredMessage | DeadLetter | StoredEvent] = []
            items += [*batch.messages, *batch.dead_letters, *batch.events]
            items.sort(key=lambda item: item.id)
            self.feed.publish(list(items))

    async def write(self, events: list[Event] | None = None, *, save_all: bool = False) -> None:
        """Enter and commit; `save_all` stores every changed record, as at a clean stop."""
        await self.commit(self.enqueue(events=events, save_all=save_all))

    def _apply_events(self, events: list[Event]) -> list[StoredEvent]:
        """Count events, let them change alerts and silences; those worth storing get ids."""
        stored: list[StoredEvent] = []
        for event in events:
            self.counters.facts[event.fact] += 1
            if event.fact is Fact.TURN:
                self.changed(event.agent)
                self._taking_turns.add(event.agent)
            if event.fact in UNSTORED:
                continue
            self.changed(event.agent)
            if event.fact is Fact.GAP:
                self.counters.missing += int(event.amount or 0)
            elif event.fact is Fact.STATE:
                self._note_maintenance(event)
            self.book.apply(event)
            stored.append(StoredEvent(self.next_id(), event))
        return stored

    def _note_maintenance(self, event: Event) -> None:
        silence = maintenance(AGENT, event.at, event.agent)
        if event.word == State.MAINTENANCE:
            self.silence(silence)
        else:
            self.lift(silence.id)

    def _add_state(self, batch: Batch, *, save_all: bool) -> None:
        """Alerts, silences and records that changed."""
        for key in self.book.changed:
            alert = self.book.kept(key)
            if alert is None:
                batch.forgotten_alerts.append(key)
            else:
                batch.alerts.append(alert)
        self.book.changed.clear()
        batch.silences, self._silences = self._silences, []
        batch.lifted, self.book.lifted = self.book.lifted, []
        batch.forgotten_records, self._forgotten = self._forgotten, []
        batch.erased, self._erased = self._erased, []
        batch.renamed, self._renamed = self._renamed, []
        for stored in batch.messages:
            if stored.agent not in self._dirty and stored.agent:
                self._dirty[stored.agent] = (stored.id, stored.at)
        for name in self._changed:
            if name in self.roster:
                self._dirty.setdefault(name, (self._last_id, self.now()))
        self._changed.clear()
        before = self.now() - (0.0 if save_all else SAVE_AFTER)
        due: list[str] = []
        for name, (_, at) in self._dirty.items():
            if not save_all and (at > before or len(due) >= SAVE_MOST):
                break
            due.append(name)
        for name in due:
            del self._dirty[name]
        if due:
            batch.records = [(n, self._last_id, state) for n, state in self.roster.dump(due)]
        if due or save_all:
            oldest = next(iter(self._dirty.values()), None)
            batch.replay_from = self._last_id if oldest is None else oldest[0] - 1

    async def _write(self, batch: Batch) -> None:
        if not batch:
            return
        stopped_at, _ = self.roster.listening
        heard_until = inf if stopped_at is None else stopped_at
        if heard_until != self._heard_until:  # any commit may be the last one
            batch.heard_until = heard_until
        started = time.perf_counter()
        await self.patience.until_taken(lambda: self.store.commit(batch))
        self._heard_until = heard_until
        if batch.alerts or batch.forgotten_alerts or batch.silences or batch.lifted:
            self.book_version += 1
        self.counters.commits += 1
        self.counters.commit_seconds += time.perf_counter() - started
        self.counters.stored += len(batch.messages)
