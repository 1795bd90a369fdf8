"""The hub: builds every part, owns every task, starts and stops them in a written order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from fleet.bus.connect_options import ConnectOptions, connect_options
from fleet.bus.port import Bus
from fleet.contract.errors import BrokerError, RefusedError
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import HubAlertCode, Notice
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster
from fleet.domain.severities import severity_of
from fleet.hub.committer import HUB, Committer
from fleet.hub.counters import Counters
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.feed import Feed
from fleet.hub.ingest import BROKER, BROKER_STATISTICS, RECENT, Ingest
from fleet.hub.read_model import ReadModel
from fleet.hub.receipts import Receipts
from fleet.keys import load_signer
from fleet.settings import Settings
from fleet.store.port import Store, StoreFullError
from fleet.store.retention import MEGABYTE, Retention

TICK: Final = 1.0
"""Seconds between looks at time alone: the shortest interval an agent may have."""

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
both, and what else ends, have five."""

AGAIN: Final = 0.5
"""Seconds until what a broken link prevented at the start is tried again."""

UPKEEP_BUSY, UPKEEP_IDLE = 0.05, 5.0
"""Seconds between steps of upkeep while work waits, and while none does."""

UPKEEP_BEHIND: Final = 100_000
"""Messages that upkeep may fall behind while a backlog is worked off: a page of history reads as
many without their index in some 20 ms."""

_log = logging.getLogger(__name__)


class Service(Protocol):
    """A part that plugs into the hub; cancelled at the end, after which the bus still works."""

    name: str

    async def run(self) -> None: ...


Plug = Callable[["Hub"], Sequence[Service]]
"""Builds the services of a hub; they are started in this order and cancelled in reverse."""


BusFactory = Callable[[ConnectOptions], Bus]


def mqtt(options: ConnectOptions) -> Bus:
    """The hub's link to a real broker."""
    from fleet.bus.mqtt import ingest_bus

    return ingest_bus(options)


class Hub:
    """One hub. `run` serves until `stop` is called or its task is cancelled."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        plug: Plug = lambda _: (),
        *,
        bus: BusFactory = mqtt,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.topics = settings.topics
        self.store = store
        self.counters = Counters()
        self.feed = Feed(self.counters)
        self.roster = Roster(interval=settings.interval, max_unlisted=settings.max_agents)
        self.committer = Committer(store, self.roster, self.feed, self.counters, clock)
        self.reader = Reader(settings.added_words())
        self.bus = bus(
            connect_options(
                settings,
                client_id=settings.topics.manager,
                persistent=True,
                manual_ack=True,
                on_link=self._on_link,
            )
        )
        self.read_model = ReadModel(self.committer)
        self._signer = signer = load_signer(settings.home)
        self.receipts = Receipts(self.bus, self.topics, self.counters, self.signed)
        keep = Retention.of(settings.tables.get("retention", {}))
        self.ingest = Ingest(
            self.bus,
            self.topics,
            self.reader,
            self.committer,
            self.receipts,
            DailyBudget(keep.agent_mb_a_day * MEGABYTE),
            signer.public_keys if signer else None,
        )
        self.started_at: float | None = None
        self._plug = plug
        self._stopping = asyncio.Event()
        self._link = asyncio.Event()
        self._listening_from = 0.0

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Start, serve, stop; `ready` is called once messages flow.

        Raises:
            StoreError: the store cannot be used.
            BrokerError: the broker cannot be reached at the start.
        """
        sys.setswitchinterval(SWITCH_INTERVAL)
        memory = await asyncio.to_thread(self.store.open)
        try:
            self.committer.restore(memory, self.reader.read)
            # A first start listens before it judges, too: retained state is dated by the agents'
            # own clocks, and the birth that each is asked for shows how far off they are.
            self.roster.stop_listening(float("-inf"))
            self.ingest.remember(self.store.replay(memory.last_id - 4 * RECENT))
            if await self._unless_stopped(self.bus.__aenter__()):
                try:
                    await self._serve(ready)
                finally:
                    await self.bus.__aexit__(None, None, None)
        finally:
            await self.store.close()

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

    def signed(self, topic: str, message: dict[str, Any]) -> bytes:
        """A command, notice or receipt as it travels, signed where this home has keys."""
        whole = self._signer.sign(topic, message) if self._signer else message
        return json.dumps(whole, separators=(",", ":")).encode()

    async def _serve(self, ready: Callable[[], None] | None) -> None:
        services = self._plug(self)
        try:
            async with asyncio.TaskGroup() as group:
                intake = group.create_task(self.ingest.run(), name=self.ingest.name)
                own = (
                    self.receipts.run,
                    self._tick,
                    self._publish_due_alerts,
                    self._watch_link,
                    self._upkeep,
                )
                tasks = [group.create_task(run(), name=run.__name__) for run in own]
                tasks += [group.create_task(s.run(), name=s.name) for s in services]
                if await self._unless_stopped(self._listen()):
                    self.started_at = self.committer.now()
                    if ready:
                        ready()
                    await self._stopping.wait()
                for task in reversed(tasks):
                    task.cancel()
                intake.cancel()
        finally:
            await self._shut_down()

    async def _unless_stopped(self, work: Coroutine[Any, Any, object]) -> bool:
        """Do `work`, but not past a stop; whether it was done.

        Raises:
            what `work` raises.
        """
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return task.done()
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.wait((task, stop))

    async def _listen(self) -> None:
        """Subscribe and ask for every birth. A link that breaks meanwhile comes back by itself.

        Raises:
            RefusedError: the broker does not let this account listen or speak.
        """
        await self._until_linked(
            lambda: self.bus.subscribe(*self.ingest.filters(), as_published=self.ingest.commands())
        )
        with contextlib.suppress(BrokerError):  # not every broker or account has it
            statistics = [BROKER + statistic for statistic in BROKER_STATISTICS]
            await self.bus.subscribe(*statistics, qos=0)
        await self._until_linked(lambda: self.announce(Notice.HUB_ONLINE))

    async def _until_linked(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        said = False
        while True:
            try:
                await work()
                return
            except RefusedError:
                raise
            except BrokerError as error:
                if not said:
                    _log.warning("%s: %s; trying again", error.what, error.why or "no link")
                said = True
                await asyncio.sleep(AGAIN)

    async def _shut_down(self) -> None:
        """What can still be kept is kept; a full disk or a dead link must not hold the end up."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self.committer.write(save_all=True)
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self.announce(Notice.HUB_OFFLINE)

    def _on_link(self, up: bool, detail: str) -> None:
        now = self.committer.now()
        was = self.counters.link_up
        self.counters.link_up = up
        if up:
            _log.info("linked to the broker: %s", detail)
            self._listening_from = time.monotonic()
            self.ingest.redelivered.expect()
            self._link.set()
        elif was:
            _log.warning("link to the broker lost: %s", detail)
            self.counters.link_losses += 1
            self.roster.stop_listening(now)
            self._link.set()

    async def _watch_link(self) -> None:
        """The `broker-down` alert, and when silence counts again."""
        while True:
            await self._link.wait()
            self._link.clear()
            now = self.committer.now()
            if not self.counters.link_up:
                severity = severity_of(HubAlertCode.BROKER_DOWN)
                down = Event(Fact.ALERT_FIRING, HUB, now, HubAlertCode.BROKER_DOWN, severity)
                await self.committer.write([down])
                continue
            if self.committer.book.fires(HUB, HubAlertCode.BROKER_DOWN):
                up = Event(Fact.ALERT_RESOLVED, HUB, now, HubAlertCode.BROKER_DOWN)
                await self.committer.write([up])
            await self._settle()

    async def _settle(self) -> None:
        """Wait until births and backlog are in; a new loss of the link begins anew."""
        looked = self.committer.now()
        while not self._link.is_set():
            before, looked = looked, self.committer.now()
            if looked - before > STALL:
                self._listening_from = time.monotonic()
            if self.ingest.idle and time.monotonic() - self._listening_from >= SETTLE:
                await self.committer.write(self.roster.resume_listening(looked))
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

    async def _catch_up(self, since: float, now: float) -> None:
        """The agents spoke and nobody listened: read what waits, ask for births, judge then."""
        _log.warning("the hub stood still for %.1f s", now - since)
        self.roster.stop_listening(since)
        self._listening_from = time.monotonic()
        self._link.set()
        with contextlib.suppress(BrokerError):
            await self.announce(Notice.HUB_ONLINE)

    async def _publish_due_alerts(self) -> None:
        """Alerts go out also while the disk is full and intake waits."""
        while True:
            await asyncio.sleep(TICK)
            groups = self.committer.book.due(self.committer.now())
            if groups and self.feed:
                self.feed.publish(list(groups))

    async def _upkeep(self) -> None:
        caught_up = self.counters.stored
        while True:
            if not self.ingest.idle and self.counters.stored - caught_up < UPKEEP_BEHIND:
                await asyncio.sleep(UPKEEP_BUSY)
                continue
            more = False
            with contextlib.suppress(StoreFullError):  # intake says so; this can wait
                more = await self.store.upkeep(self.committer.now())
            if not more:
                caught_up = self.counters.stored
                self.committer.book.trim()
            await asyncio.sleep(UPKEEP_BUSY if more else UPKEEP_IDLE)
