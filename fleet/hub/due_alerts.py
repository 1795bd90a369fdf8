"""Alerts that are due go out, also while intake waits for the store."""

from __future__ import annotations

import asyncio
from typing import Final

from fleet.domain.alert import AlertGroup
from fleet.hub.committer import HUB, Committer
from fleet.hub.leading import Leading
from fleet.hub.store_patience import PAUSES

LOOK: Final = 1.0
"""Seconds between looks at what is due."""


class DueAlerts:
    """A part of the hub. What goes out counts as told once every route has it on disk: who is
    killed in between leaves it to the next hub.

    Attributes:
        has_routes: whether somebody takes the groups from the feed, and says `told` of each.
        to_keep: set when something was told that is to be kept.

    While another hub may lead, nothing is told but that the store is away: the other one tells the
    rest, and whoever is told twice stops to listen.
    """

    name = "due-alerts"

    def __init__(self, committer: Committer, leading: Leading) -> None:
        self._committer = committer
        self._leading = leading
        self.has_routes = False
        self.to_keep = asyncio.Event()

    async def run(self) -> None:
        committer = self._committer
        own = {(HUB, code) for code in PAUSES}
        while True:
            await asyncio.sleep(LOOK)
            among = None if self._leading.is_certain else own
            groups = committer.book.due(committer.now(), among)
            if groups and committer.feed:
                committer.feed.publish(list(groups))
                if not self.has_routes:
                    for group in groups:
                        self.told(group)

    def told(self, group: AlertGroup) -> None:
        """Every route has on disk what it is to tell of `group`, if anything."""
        self._committer.book.settle(group)
        self.to_keep.set()
