"""What the hub's log says of its link: each reason and each lack of the broker once a change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from fleet.contract.broker_capabilities import Lack, Need, Weight
from fleet.hub.counters import Counters

STATISTICS_PATIENCE: Final = 120.0
"""Seconds within which a broker that counts has said so: Mosquitto's longest usual `sys_interval`
is 60, and what is retained comes at once."""

MAX_TOLD: Final = 64
"""Reasons that are said, each once: words of a broker or of TLS must not fill log and memory."""

_log = logging.getLogger(__name__)


class LinkLog:
    """Why there is no link, and what the broker cannot do; both again after it was otherwise."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._reasons: set[str] = set()
        self._lacks: set[Lack] = set()

    def up(self, detail: str, lacks: Iterable[Lack]) -> None:
        _log.info("linked to the broker: %s", detail)
        self._reasons.clear()
        found = {lack for lack in lacks if lack.weight is not Weight.HARMLESS}
        for lack in found - self._lacks:
            self._tell(lack)
        self._lacks = {lack for lack in self._lacks if lack.need is Need.STATISTICS} | found

    def lost(self, detail: str) -> None:
        self._reasons.add(detail)
        _log.warning("link to the broker lost: %s", detail)

    def failed(self, detail: str) -> None:
        """An attempt to bring the link back: the broker may refuse us for another reason now."""
        if detail not in self._reasons and len(self._reasons) < MAX_TOLD:
            self._reasons.add(detail)
            _log.warning("no link to the broker: %s", detail)

    def no_statistics(self) -> None:
        """The broker, or what this account may do there, keeps its statistics from us."""
        self._tell(Lack(Need.STATISTICS))

    async def watch_statistics(self) -> None:
        """A broker that grants the subscription and then says nothing is found out by waiting."""
        await asyncio.sleep(STATISTICS_PATIENCE)
        if not self._counters.broker:
            self.no_statistics()

    def _tell(self, lack: Lack) -> None:
        if lack not in self._lacks:
            self._lacks.add(lack)
            _log.warning("%s; try: %s", lack.sentence, lack.remedy)
