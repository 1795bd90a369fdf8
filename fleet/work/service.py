"""Work by reference as one part of the hub: the rules put together, and what time alone does.

Doors (HTTP, MCP) ask `tasks` and `contents` with a `caller`; nothing else decides who may do what.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from fleet.contract.errors import FleetError
from fleet.domain.hub_clock import Step
from fleet.domain.work.task import DAY, LEASE
from fleet.http.log_limit import LogLimit
from fleet.metrics.work_metrics import metrics_of
from fleet.pending_departures import PendingDepartures
from fleet.store.retention import TimeFor
from fleet.store.work_port import WorkStore
from fleet.store.work_records import WorkCounts
from fleet.tokens import Principal
from fleet.work.blobs import Blobs
from fleet.work.caller import Act, Caller, caller_of
from fleet.work.contents import Contents
from fleet.work.limits import BlobLimits
from fleet.work.members import Members
from fleet.work.offers import Offers, OnOffer, nobody
from fleet.work.possession import Possession
from fleet.work.tasks import Tasks

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from fleet.hub.hub import Hub

TICK: Final = 1.0
"""Seconds between looks at leases and times to live: the shortest that a task may have."""

SWEEP: Final = 3600.0
"""Seconds between looks for content that nothing names; it has stayed for days by then."""

COUNT: Final = 5.0
"""Seconds between counts for metrics: scrapes are seldom more often."""

AT_ONCE: Final = 100
"""Revoked agents that are seen off in a second: a list of years is through in minutes."""

PAGE: Final = 500
"""Tasks that are ended at a time."""

_log = logging.getLogger(__name__)
_log.addFilter(LogLimit())


class WorkService:
    """A service of the hub. `now` is the hub's time, in s since the epoch."""

    name = "work"

    def __init__(
        self,
        store: WorkStore,
        home: Path,
        now: Callable[[], float],
        limits: BlobLimits | None = None,
        on_offer: OnOffer = nobody,
    ) -> None:
        self.store = store
        self.blobs = Blobs(home, limits)
        self.members = Members(home)
        self.offers = Offers(self.members, on_offer)
        possession = Possession(store, self.blobs)
        self.tasks = Tasks(store, self.blobs, self.members, possession, self.offers, now)
        self.contents = Contents(store, self.blobs, possession, now)
        self.steps: list[Step] = []
        """By how much the hub's time moved, as far as the store has yet to be told."""
        self.due: TimeFor = lambda _days: now()
        self._now = now
        self._counts = WorkCounts()
        self._pending = PendingDepartures(home)
        self._seen_off: frozenset[str] = frozenset()
        self._failing: set[Callable[[], object]] = set()

    @classmethod
    def of(cls, hub: Hub, store: WorkStore, on_offer: OnOffer = nobody) -> Self:
        """Beside a hub, in whose home content is kept."""
        limits = BlobLimits.of(hub.settings.tables)
        service = cls(store, hub.settings.home, hub.committer.now, limits, on_offer)
        service.due = hub.committer.time.due
        hub.on_step.append(service.steps.append)
        return service

    def caller(self, principal: Principal, act: Act) -> Caller:
        """Who asks, if its role may do such a thing at all.

        Raises:
            NotAllowedError: it may not.
        """
        self.blobs.open()
        return caller_of(principal, self.members, act)

    async def run(self) -> None:
        """End what is over, tell of what waits, remove what nothing names."""
        self.blobs.open()
        started, swept, counted = time.monotonic(), time.monotonic(), 0.0
        while True:
            await self._carry_on(self._restamp)
            # A hub that was away renewed nothing meanwhile: leases get their time first.
            if time.monotonic() - started >= LEASE and not self.steps:
                await self._carry_on(self.expire)
            await self._carry_on(self._see_off)
            await self._carry_on(self.contents.note_reads)
            await self._carry_on(self.contents.forget_interrupted)
            self.offers.tick(self._now())
            if time.monotonic() - swept >= SWEEP:
                swept = time.monotonic()
                await self._carry_on(self.sweep)
            if time.monotonic() - counted >= COUNT:
                counted = time.monotonic()
                await self._carry_on(self._count)
            await asyncio.sleep(TICK)

    async def expire(self) -> None:
        """End leases, times to live and time-outs that are over."""
        while changed := await self.store.expire(self._now(), PAGE):
            self.offers.tell(changed, self._now())
            if len(changed) < PAGE:
                return

    async def sweep(self) -> None:
        """Remove content that nothing names for some days, and files that the store never heard of:
        their hub was killed between both. While the clock is in doubt nothing is too old."""
        now = self._now()
        due = self.due(self.blobs.limits.keep / DAY)
        if due <= 0:
            return
        while digests := await self.store.forget_blobs(due):
            await asyncio.to_thread(self.blobs.remove_all, digests)
        for group, digest in await asyncio.to_thread(self.blobs.aged, now, due):
            if await self.store.blob_size(digest) is None:
                await asyncio.to_thread(self.blobs.remove, group, digest)
            else:
                await asyncio.to_thread(self.blobs.touch, group, digest, now)

    def open_counts(self) -> dict[str, int]:
        """Tasks by state, of those that have not ended: as of the last count, some seconds ago."""
        return {state.value: count for state, count in self._counts.open.items()}

    def metrics(self) -> Iterable[Metric]:
        """For a scrape: as of the last count, some seconds ago."""
        return metrics_of(self._counts, self._now())

    async def _see_off(self) -> None:
        """Give back what agents held that were revoked since, or while no hub served. What one had
        that was renamed then is first to be the other name's, by the commander."""
        gone = self.members.gone()
        self._seen_off &= gone  # who is enrolled again may be revoked again
        left = gone - self._seen_off
        if left:
            left -= {one.agent for one in self._pending.read() if one.to}
        for agent in sorted(left)[:AT_ONCE]:
            self.offers.tell(await self.store.agent_gone(agent, self._now()), self._now())
            self._seen_off |= {agent}

    async def _count(self) -> None:
        self._counts = await self.store.counts(self._now())

    async def _restamp(self) -> None:
        while self.steps:
            await self.store.restamp(self.steps[0])
            del self.steps[0]

    async def _carry_on(self, step: Callable[[], object]) -> None:
        """A disk that is full or failing ends no service: the next step tries again. It is said
        once, until every step that failed was taken."""
        try:
            await step()  # type: ignore[misc]
        except (FleetError, OSError) as error:
            if not self._failing:
                _log.error("work waits: %s", str(error).replace("\n", "; "))
            self._failing.add(step)
        else:
            if self._failing == {step}:
                _log.warning("work goes on")
            self._failing.discard(step)
