"""The hub makes up at a broker what it missed while it was away: accounts of a pair."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fleet.contract.errors import FleetError
from fleet.provisioning import each_broker

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

EVERY: Final = 60.0
"""Seconds between looks: who was revoked while a broker was away must not stay in for long."""

_log = logging.getLogger(__name__)


class AccountsUpkeep:
    """A service of the hub; it rests where there is one broker, or where accounts are not ours.

    `every` is in seconds.
    """

    name = "accounts-upkeep"

    def __init__(self, hub: Hub, every: float = EVERY) -> None:
        self._hub = hub
        self._every = every
        self._told: set[str] = set()

    async def run(self) -> None:
        while each_broker.is_pair(self._hub.settings):
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Mend what can be, at each broker that answers; say once what cannot."""
        for place in self._hub.settings.at_each():
            try:
                found = await each_broker.gaps(place)
                left = await each_broker.mend(place, found) if found else []
            except (FleetError, TimeoutError):  # it is away: `fleet doctor` tells
                continue
            for gap in found:
                if gap not in left:
                    _log.warning("mended: %s", gap.sentence)
            self._tell([gap.sentence for gap in left])

    def _tell(self, sentences: list[str]) -> None:
        for sentence in sentences:
            if sentence not in self._told:
                _log.warning("%s; try: fleet broker accounts", sentence)
        self._told.update(sentences[: each_broker.MAX_TOLD])
