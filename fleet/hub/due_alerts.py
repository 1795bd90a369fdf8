"""Alerts that are due go out, also while intake waits for the store."""

from __future__ import annotations

import asyncio
from typing import Final

from fleet.hub.committer import HUB, Committer
from fleet.hub.leading import Leading
from fleet.hub.store_patience import PAUSES

LOOK: Final = 1.0
"""Seconds between looks at what is due."""


class DueAlerts:
    """A part of the hub. `told` is set when something went out that is to be kept.

    While another hub may lead, nothing is told but that the store is away: the other one tells the
    rest, and whoever is told twice stops to listen.
    """

    name = "due-alerts"

    def __init__(self, committer: Committer, leading: Leading) -> None:
        self._committer = committer
        self._leading = leading
        self.told = asyncio.Event()

    async def run(self) -> None:
        committer = self._committer
        own = {(HUB, code) for code in PAUSES}
        while True:
            await asyncio.sleep(LOOK)
            among = None if self._leading.is_certain else own
            groups = committer.book.due(committer.now(), among)
            if groups and committer.feed:
                committer.feed.publish(list(groups))
                self.told.set()
