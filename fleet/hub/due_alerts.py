"""Alerts that are due go out, also while intake waits for the store."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from fleet.domain.alert import AlertGroup
from fleet.hub.committer import HUB, Committer
from fleet.hub.leading import Leading
from fleet.hub.store_patience import PAUSES

LOOK: Final = 1.0
"""Seconds between looks at what is due."""

NOTED_WITHIN: Final = 5.0
"""Seconds that the store has to note what is about to be told before it is told all the same: as
long as a route waits for its own disk."""

_OF_THE_STORE: Final = frozenset((HUB, code) for code in PAUSES)


class DueAlerts:
    """A part of the hub. What goes out counts as told once every route has it on disk. Before any
    has, the store knows that it may be told: so the next hub after a kill tells how it is, whatever
    became of it meanwhile, and each route what it was not given yet.

    Attributes:
        has_routes: whether somebody takes the groups from the feed, and says `told` of each.

    While another hub may lead, nothing is told but that the store is away: the other one tells the
    rest, and whoever is told twice stops to listen.
    """

    name = "due-alerts"

    def __init__(self, committer: Committer, leading: Leading) -> None:
        self._committer = committer
        self._leading = leading
        self.has_routes = False
        self._to_keep = asyncio.Event()
        self._noted = asyncio.Event()
        """Set when the store knows what changed until now; another one from then on."""
        self._hangs = False
        """Whether a write was waited for in vain, and has not ended since."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(), name="keep-told")
            await self._look()

    async def _look(self) -> None:
        committer = self._committer
        while True:
            await asyncio.sleep(LOOK)
            now = committer.now()  # one: what of the store is due by a later one would wait below
            self._tell_of_the_store(now)
            if self._leading.is_certain and (groups := committer.book.due(now)):
                while self.has_routes and not (await self.noted() or self._leading.is_certain):
                    self._tell_of_the_store(committer.now())
                    await asyncio.sleep(LOOK)
                self._tell(groups)

    async def _keep(self) -> None:
        while True:
            await self._to_keep.wait()
            self._to_keep.clear()
            noted, self._noted = self._noted, asyncio.Event()
            await self._committer.write()
            self._hangs = False
            noted.set()

    def keep(self) -> None:
        """The store is to know soon what changed until now."""
        self._to_keep.set()

    async def noted(self) -> bool:
        """Whether the store knows what changed until now. One that takes nothing holds nobody up
        for long, and who asks while it still hangs not at all: else these waits would add up."""
        self.keep()
        noted = self._noted
        if not (self._hangs or self._committer.counters.paused):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(noted.wait(), NOTED_WITHIN)
            self._hangs = not noted.is_set()
        return noted.is_set()

    def told(self, group: AlertGroup) -> None:
        """Every route has on disk what it is to tell of `group`, if anything."""
        self._committer.book.settle(group)
        self.keep()

    def _tell_of_the_store(self, now: float) -> None:
        """That it is away waits for no note in it."""
        self._tell(self._committer.book.due(now, _OF_THE_STORE))

    def _tell(self, groups: list[AlertGroup]) -> None:
        if groups:
            self._committer.feed.publish(list(groups))
        if not self.has_routes:
            for group in groups:
                self.told(group)
