"""The hub: builds every part, owns every task, starts and stops them in a written order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from fleet.bus.connect_options import connect_options
from fleet.bus.factory import BusFactory, mqtt
from fleet.contract.errors import BrokerError
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import Notice
from fleet.domain import degraded
from fleet.domain.daily_bounds import Bounds
from fleet.domain.flapping import FlapLimits
from fleet.domain.hub_clock import Step
from fleet.domain.roster import Roster
from fleet.hub.beginning import begin
from fleet.hub.clock_keeper import ClockKeeper, OnStep
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.daily_limits import DailyLimits
from fleet.hub.due_alerts import DueAlerts
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.hub.ingest import Ingest
from fleet.hub.leading import Beside, Leading, stepping_down
from fleet.hub.link_log import LinkLog
from fleet.hub.own_alerts import OwnAlerts
from fleet.hub.presence import Presence
from fleet.hub.read_model import ReadModel
from fleet.hub.receipts import Receipts
from fleet.hub.service import Service
from fleet.hub.store_upkeep import StoreUpkeep
from fleet.hub.waiting import unless, until_linked
from fleet.keys import load_signer
from fleet.settings import Settings
from fleet.store.port import Store
from fleet.store.retention import MEGABYTE, Retention

TICK: Final = 1.0
"""Seconds between looks at time alone: the shortest interval an agent may have."""
CALM: Final = 2.0
"""Seconds that a link must be up for `broker-down` to end: less than alerts wait before they are
told, so a blip is not, and one that comes and goes is."""

STALL: Final = 2.0
"""Seconds between looks from which on the hub itself was away: suspended, starved, without room
on its disk, or its clock was set forward. The shortest interval is late after as much."""

SETTLE: Final = 5.0
"""Seconds of listening, without a backlog, before silence counts again: retained state and
births after `hub-online` come first."""

SWITCH_INTERVAL: Final = 0.001
"""Seconds that a busy event loop may keep Python's lock from the store's writer (Python's own
choice is 0.005): a commit takes the lock some five times, and a tenth more gets in so."""

SHUTDOWN_TIMEOUT: Final = 1.5
"""Seconds that the last write may take on a disk that hangs, and the goodbye on a link that does:
Docker kills after ten, and all else that ends has its own."""

_log = logging.getLogger(__name__)


Plug = Callable[["Hub"], Sequence[Service]]
"""Builds the services of a hub; they are started in this order and cancelled in reverse."""


class Hub:
    """One hub. `run` serves until `stop` is called or its task is cancelled."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        plug: Plug = lambda _: (),
        *,
        bus: BusFactory = mqtt,
        clock: HubTime | None = None,
        trust_clock: bool = False,
        standby: Beside | None = None,
        asks: bool = False,
    ) -> None:
        """`asks`: whether another hub may be at work at this broker, which is asked first."""
        self.settings = settings
        self.topics = settings.topics
        self.store = store
        self.counters = Counters()
        self._link_log = LinkLog(self.counters)
        self.feed = Feed(self.counters)
        most, after = settings.max_agents, degraded.after(settings.tables)
        self.roster = Roster(interval=settings.interval, max_unlisted=most, degraded_after=after)
        self._trust_clock = trust_clock
        at = clock or HubTime.of_this_machine()
        self.committer = Committer(store, self.roster, self.feed, self.counters, at)
        self.committer.book.limits = FlapLimits.of(settings.tables)
        self.leading = Leading(store.leadership, self.committer.patience)
        self._standby = standby
        self.due_alerts = DueAlerts(self.committer, self.leading)
        self.reader = Reader(settings.added_words())
        self._stopping = asyncio.Event()
        self.presence = Presence(settings, self.stop, asks=asks)
        name, is_taken = settings.topics.manager, self.presence.is_taken
        options = connect_options(settings, client_id=name, persistent=True, manual_ack=True)
        self.bus = bus(
            replace(options, on_link=self._on_link, is_taken=is_taken, turn=self.leading.turn)
        )
        self.own_alerts = OwnAlerts(self.committer, self.bus)
        self.read_model = ReadModel(self.committer)
        self._signer = signer = load_signer(settings.home, self.committer.now)
        self.receipts = Receipts(self.bus, self.topics, self.counters, self.signed)
        keep = Retention.of(settings.tables.get("retention", {}))
        self.budget = DailyBudget(keep.agent_mb_a_day * MEGABYTE)
        self.ingest = Ingest(
            self.bus,
            self.topics,
            self.reader,
            self.committer,
            self.receipts,
            self.budget,
            signer.public_keys if signer else None,
            DailyLimits(Bounds.of(settings.interval, settings.tables.get("traffic", {})).refused()),
        )
        self.ingest.asked = self.presence.asked
        self.clock_keeper = ClockKeeper(
            self.committer, settings.home, lambda: self.ingest.idle, self.announce, self._listen,
            self._step,
        )  # fmt: skip
        self.on_step: list[OnStep] = []
        """Who else keeps times of the hub; told when they move."""
        self.started_at: float | None = None
        self._plug = plug
        self._link = asyncio.Event()
        self._was_lost, self._listening_from = False, 0.0

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Start, serve, stop; `ready` is called once messages flow.

        Raises:
            StoreError: the store cannot be used, or another hub has it now.
            BrokerError: the broker cannot be reached at the start, or another hub holds it.
        """
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            if not await unless(self._stopping, self.leading.begin(self._standby)):
                return
            with self.leading.kept():
                parts = self.committer, self.leading, self.ingest, self.reader
                await begin(self.settings.home, *parts, trust_clock=self._trust_clock)
                await unless(self._stopping, self.leading.confirm())
                await unless(self._stopping, self.presence.require_free())
                linked = await unless(self._stopping, self.bus.__aenter__())
            if linked:
                try:
                    with stepping_down():
                        await self._serve(ready)
                finally:
                    await self.bus.__aexit__(None, None, None)
        finally:
            self.leading.close()
            await self.store.close()
        if self.presence.has_given_up:
            raise self.presence.refusal()

    def stop(self) -> None:
        """Ask `run` to end; safe to call twice."""
        self._stopping.set()

    async def announce(self, notice: Notice) -> None:
        """Publish a notice to all.

        Raises:
            BrokerError: the link is down.
        """
        now = self.committer.now()
        message = {"notice": notice.value, "ts": timestamp(now), "id": ulid(now)}
        await self.bus.publish(self.topics.broadcast, self.signed(self.topics.broadcast, message))

    @property
    def signs(self) -> bool:
        """Whether this home has keys."""
        return self._signer is not None

    def signed(self, topic: str, message: dict[str, Any]) -> bytes:
        """A command, notice or receipt as it travels, signed where this home has keys."""
        whole = self._signer.sign(topic, message) if self._signer else message
        return orjson.dumps(whole)

    async def _serve(self, ready: Callable[[], None] | None) -> None:
        services = self._plug(self)
        try:
            async with asyncio.TaskGroup() as group:
                intake = group.create_task(self.ingest.run(), name=self.ingest.name)
                own = (
                    self.receipts.run,
                    self._tick,
                    self.due_alerts.run,
                    self.leading.run,
                    self._watch_link,
                    StoreUpkeep(self.committer, self.ingest).run,
                    self.clock_keeper.run,
                    self._link_log.watch_statistics,
                    self._answer_rivals,
                    self._greet_bridges,
                )
                tasks = [group.create_task(run(), name=run.__qualname__) for run in own]
                tasks += [group.create_task(s.run(), name=s.name) for s in services]
                if await unless(self._stopping, self._listen()):
                    self.started_at = self.committer.now()
                    if ready:
                        ready()
                    await self._stopping.wait()
                for task in (*reversed(tasks), intake):
                    task.cancel()
        finally:
            await self._shut_down()

    async def _listen(self) -> None:
        """Subscribe and ask for every birth. A link that breaks meanwhile comes back by itself.

        Raises:
            RefusedError: the broker does not let this account listen or speak.
        """
        await until_linked(
            lambda: self.bus.subscribe(*self.ingest.filters(), as_published=self.topics.passing)
        )
        try:
            await self.bus.subscribe(*self.ingest.statistics.filters(), qos=0)
        except BrokerError:  # not every broker or account has it
            self._link_log.no_statistics()
        await until_linked(lambda: self.announce(Notice.HUB_ONLINE))

    async def _shut_down(self) -> None:
        """What can still be kept is kept; a full disk or a dead link must not hold the end up."""
        last = [self.committer.write(save_all=True), self.clock_keeper.save()]
        if self.leading.is_certain:  # else the one that leads is there
            last.append(self.announce(Notice.HUB_OFFLINE))
        await asyncio.gather(*map(_briefly, last))

    async def _answer_rivals(self) -> None:
        await self.presence.answer(self.bus)

    async def _greet_bridges(self) -> None:
        await self.ingest.statistics.greet(self.announce)

    def _on_link(self, up: bool, detail: str) -> None:
        now = self.committer.now()
        was = self.counters.link_up
        self.counters.link_up = up
        if up:
            if not self.bus.replaced:
                self._link_log.up(detail, self.bus.lacks)
            self._listening_from = time.monotonic()
            self.ingest.redelivered.expect()
            self._link.set()
        elif was:
            if not self.own_alerts.gives_way(detail):
                self._link_log.lost(detail)
            self.counters.link_losses += 1
            self._was_lost = True
            self.roster.stop_listening(now)
            self._link.set()
        else:
            self._link_log.failed(detail)

    async def _watch_link(self) -> None:
        """The alerts of a link that is lost, and when silence counts again."""
        while True:
            await self._link.wait()
            self._link.clear()
            if self._was_lost:
                self._was_lost = False
                await self.own_alerts.lost()
            if self.counters.link_up:
                await self._settle()

    async def _settle(self) -> None:
        """Wait until births and backlog are in; a new loss of the link begins anew."""
        looked = self.committer.now()
        while not self._link.is_set():
            before, looked = looked, self.committer.now()
            if looked - before > STALL:
                self._listening_from = time.monotonic()
            listened = time.monotonic() - self._listening_from
            if listened >= CALM:
                await self.own_alerts.linked()
            if self.ingest.idle and listened >= SETTLE:
                await self.committer.write(self.roster.resume_listening(looked))
                await self.own_alerts.hears()
                return
            await asyncio.sleep(0.2)

    async def _tick(self) -> None:
        looked = self.committer.now()
        while True:
            await asyncio.sleep(TICK)
            before, looked = looked, self.committer.now()
            if looked - before > STALL and self.counters.link_up:
                await self._catch_up(before, looked)
            started = time.perf_counter()
            events = self.roster.tick(looked)
            self.counters.ticks += 1
            self.counters.tick_seconds += time.perf_counter() - started
            await self.committer.write(events)
            await self.own_alerts.look()

    async def _catch_up(self, since: float, now: float) -> None:
        """The agents spoke and nobody listened: read what waits, ask for births, judge then."""
        _log.warning("the hub stood still for %.1f s", now - since)
        self._listen_anew(since)
        with contextlib.suppress(BrokerError):
            await self.announce(Notice.HUB_ONLINE)

    def _listen_anew(self, since: float) -> None:
        """Of silence after `since` nothing follows until births and backlog are in."""
        self.roster.stop_listening(since)
        self.own_alerts.stops_hearing()
        self._listening_from = time.monotonic()
        self._link.set()

    def _step(self, step: Step) -> None:
        """The hub's time moved: so do all times that it keeps, and it listens anew."""
        self.committer.restamp(step)
        self.started_at = None if self.started_at is None else step.moved(self.started_at)
        for moved in self.on_step:
            moved(step)
        self._listen_anew(self.committer.now())


async def _briefly(work: Awaitable[None]) -> None:
    """Do what may fail, or not be answered."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(SHUTDOWN_TIMEOUT):
            await work
