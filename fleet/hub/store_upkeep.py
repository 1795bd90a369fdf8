"""The store's upkeep, a little at a time, where intake leaves room for it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

from fleet.hub.committer import Committer
from fleet.hub.ingest import Ingest
from fleet.store.port import StoreUnavailableError

BUSY, IDLE = 0.05, 5.0
"""Seconds between steps of upkeep while work waits, and while none does."""

MARK: Final = 30.0
"""Seconds between two marks that the hub listens; what it did not hear while it did not is unknown.
"""

BEHIND: Final = 100_000
"""Messages that upkeep may fall behind while a backlog is worked off: a page of history reads as
many without their index in some 20 ms."""


class StoreUpkeep:
    """A part of the hub."""

    name = "upkeep"

    def __init__(self, committer: Committer, ingest: Ingest) -> None:
        self._committer = committer
        self._ingest = ingest
        self._marked = float("-inf")

    async def run(self) -> None:
        committer, counters = self._committer, self._committer.counters
        caught_up = counters.stored
        while True:
            if not self._ingest.idle and counters.stored - caught_up < BEHIND:
                await asyncio.sleep(BUSY)
                continue
            more = False
            with contextlib.suppress(StoreUnavailableError):  # intake says so; this can wait
                await self.mark()
                more = await committer.store.upkeep(committer.now(), committer.time.due)
            if not more:
                caught_up = counters.stored
                committer.book.trim()
            await asyncio.sleep(BUSY if more else IDLE)

    async def mark(self) -> None:
        """Tell the store, now and then, that the hub hears its broker."""
        if self._committer.counters.link_up and time.monotonic() - self._marked >= MARK:
            await self._committer.store.timelines.listen(self._committer.now())
            self._marked = time.monotonic()
