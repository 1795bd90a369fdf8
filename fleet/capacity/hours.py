"""What a hub remembers of its fleet's hours: read once after its start, then each new hour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from fleet.domain.capacity.fleet_use import FleetUse, Rules
from fleet.domain.capacity.forecast import HOUR, KNOWN
from fleet.store.port import StoreReader
from fleet.store.records import Rollup

PAGE: Final = 500
"""Hours read at once: some 5 ms of the loop."""

PACE: Final = 4.0
"""Times as long as it took that it rests after each page: a fifth of a core at most, and a start
with weeks of 10,000 agents takes minutes that nobody waits for."""


class Hours:
    """`use` is what is known; `is_whole` whether all that the store has was read."""

    def __init__(self, store: StoreReader, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        self.use = FleetUse(rules)
        self.is_whole = False
        self._newest: float | None = None

    def begin_anew(self) -> None:
        """The hub's times moved: hours that were still to come are none of the past."""
        self.use = FleetUse(self._rules)
        self.is_whole, self._newest = False, None

    async def read(self, now: float) -> set[str]:
        """Read what is new at `now` (s since the epoch); whose hours that are.

        The hour that was newest is read again, as what came late may have been added to it.

        Raises:
            StoreUnavailableError: the store is away.
        """
        use, newest = self.use, self._newest
        since = now - KNOWN if newest is None else newest - HOUR
        touched, strangers = set[str](), set[str]()
        async for rollup in self._pages(since, now, None):
            if self.use is not use:  # began anew meanwhile
                return set()
            if newest is None or rollup.hour > newest:
                touched.add(rollup.agent)
            if newest is not None and rollup.agent not in use.agents:
                strangers.add(rollup.agent)
                continue
            use.take(rollup.agent, rollup.hour, rollup.metrics)
            self._newest = max(self._newest or 0.0, rollup.hour)
        for name in strangers:  # new, renamed, or silent for longer than we remember
            async for rollup in self._pages(now - KNOWN, now, name):
                use.take(name, rollup.hour, rollup.metrics)
        if self.use is use:
            self.is_whole = True
        return touched | strangers

    async def _pages(self, since: float, now: float, agent: str | None) -> AsyncIterator[Rollup]:
        cursor: str | None = None
        while True:
            began = time.monotonic()
            page = await self._store.rollups(
                since=since, until=now, agent=agent, cursor=cursor, limit=PAGE
            )
            for rollup in page.rollups:
                yield rollup
            cursor = page.next
            if cursor is None:
                return
            await asyncio.sleep(PACE * (time.monotonic() - began))
