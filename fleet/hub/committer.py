"""The one way into the store: messages, facts and alerts that become true together.

Ids grow over everything that is stored, so a client resumes with one number. Roster records
are stored a little later than the messages they come from; a restart applies those again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from fleet.contract.messages import Message
from fleet.contract.topics import Address
from fleet.contract.vocabulary import AlertCode, HubAlertCode, MessageKind, State
from fleet.domain.alerts import AlertBook
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster
from fleet.domain.severities import OF_THE_HUB
from fleet.domain.silences import AGENT, Silence, maintenance
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.store.port import Store, StoreFullError
from fleet.store.records import Batch, DeadLetter, HubState, StoredEvent, StoredMessage

HUB: Final = ""
"""The agent of an alert that is the hub's own."""

SAVE_AFTER: Final = 5.0
"""Seconds a changed record waits before it is stored: a busy agent is not stored each time."""

SAVE_MOST: Final = 200
"""Records stored with one batch: bounds what a commit adds."""

SLEW: Final = 0.9
"""How fast the clock of record goes while the machine's clock is behind it: silence is still
noticed, and an hour is made up for in ten."""

RETRY: Final = 1.0
"""Seconds between attempts while the disk is full."""

COMMIT_TIMEOUT: Final = 1.5
"""Seconds that a commit may still take when the hub stops."""

UNSTORED: Final = frozenset({Fact.DUPLICATE, Fact.OLD_SESSION, Fact.FILLED, Fact.CROWDED})
"""Facts that are only counted: a flood of them would bury the others."""

_log = logging.getLogger(__name__)


class Committer:
    """Owns ids, the hub's clock of record (which never goes back), and what is not yet stored."""

    def __init__(
        self,
        store: Store,
        roster: Roster,
        feed: Feed,
        counters: Counters,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.roster = roster
        self.feed = feed
        self.counters = counters
        self.book = AlertBook()
        self._clock = clock
        self._monotonic = monotonic
        self._looked = monotonic()
        self._last_id = 0
        self._last_at = 0.0
        self._dirty: dict[str, tuple[int, float]] = {}
        self._silences: list[Silence] = []
        self._forgotten: list[str] = []
        self._queue: deque[Batch] = deque()
        self._enqueued = 0
        self._committed = 0
        self._turn = asyncio.Lock()

    def restore(self, memory: HubState, read: Callable[[MessageKind, bytes], Message]) -> None:
        """Begin where the last hub ended: records, then the messages newer than they are."""
        self._last_id, self._last_at = memory.last_id, memory.last_at
        self.book = AlertBook.of(memory.alerts, memory.silences)
        self.roster.load((agent, state) for agent, _upto, state in memory.records)
        upto = {agent: known for agent, known, _state in memory.records}
        for stored in self.store.replay(memory.replay_from):
            if stored.id > upto.get(stored.agent, 0):
                message = read(stored.kind, stored.payload)
                address = Address(stored.agent, stored.kind)
                self.roster.observe(address, message, at=stored.at, retained=stored.retained)
                self._dirty.setdefault(stored.agent, (stored.id, stored.at))
        if memory.last_at:
            self.roster.stop_listening(memory.last_at)

    def now(self) -> float:
        """Seconds since the epoch. It never goes back: a machine's clock set back only slows it."""
        before, self._looked = self._looked, self._monotonic()
        slewed = self._last_at + SLEW * (self._looked - before)
        wall = self._clock()
        self._last_at = wall if wall >= self._last_at else slewed
        return self._last_at

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def silence(self, silence: Silence) -> None:
        """Hold back alerts; stored with the next batch."""
        self.book.silence(silence)
        self._silences.append(silence)

    def lift(self, silence_id: str) -> bool:
        """End a silence; stored with the next batch."""
        return self.book.lift(silence_id, self.now())

    def forget(self, agent: str) -> None:
        """Drop what is known of an agent that left, also in the store with the next batch: no
        restart brings it back."""
        self.roster.forget(agent)
        self.book.forget(agent)
        self._dirty.pop(agent, None)
        self._forgotten.append(agent)

    async def acknowledge(self, agent: str, code: str, by: str) -> bool:
        """Somebody looks at an alert; for drift, this accepts the new configuration."""
        now = self.now()
        if not self.book.acknowledge(agent, code, by, now):
            return False
        drift = code == HubAlertCode.CONFIG_DRIFT
        await self.write(self.roster.accept_config(agent, at=now) if drift else [])
        return True

    def enqueue(
        self,
        messages: list[StoredMessage] | None = None,
        dead_letters: list[DeadLetter] | None = None,
        events: list[Event] | None = None,
        *,
        save_all: bool = False,
    ) -> int:
        """Line up what becomes true together; a ticket for `commit`.

        Called in the same breath as the observation it follows: no record may be stored that
        knows of a message which is not stored before or with it.
        """
        batch = Batch(messages or [], dead_letters or [])
        batch.events = self._apply_events(events or [])
        self._add_state(batch, save_all=save_all)
        self._queue.append(batch)
        self._enqueued += 1
        return self._enqueued

    async def commit(self, ticket: int) -> None:
        """Wait until what `ticket` stands for is durable, as long as the disk is full.

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
            if event.fact in UNSTORED:
                continue
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
            alert = self.book.alerts.get(key)
            if alert is None:
                batch.forgotten_alerts.append(key)
            else:
                batch.alerts.append(alert)
        self.book.changed.clear()
        batch.silences, self._silences = self._silences, []
        batch.lifted, self.book.lifted = self.book.lifted, []
        batch.forgotten_records, self._forgotten = self._forgotten, []
        for stored in batch.messages:
            if stored.agent not in self._dirty and stored.agent:
                self._dirty[stored.agent] = (stored.id, stored.at)
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
        started = time.perf_counter()
        while True:
            try:
                await self.store.commit(batch)
                break
            except StoreFullError as error:
                self.counters.commit_failures += 1
                self._pause(error)
                await asyncio.sleep(RETRY)
        self.counters.commits += 1
        self.counters.commit_seconds += time.perf_counter() - started
        self.counters.stored += len(batch.messages)
        if self.counters.paused:
            self._resume()

    def _pause(self, error: StoreFullError) -> None:
        """Say once that intake waits: the alert goes out by the feed, the store has no room."""
        if self.counters.paused:
            return
        self.counters.paused = True
        _log.error("intake paused: %s", error.what)
        severity = OF_THE_HUB[AlertCode.DISK_PRESSURE]
        self.book.fire(HUB, AlertCode.DISK_PRESSURE, severity, self.now())

    def _resume(self) -> None:
        self.counters.paused = False
        _log.warning("intake resumed")
        self.book.resolve(HUB, AlertCode.DISK_PRESSURE, self.now())
