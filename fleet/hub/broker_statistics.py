"""What the broker says of itself below `$SYS/broker/`: counts, and whether a bridge is up."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from fleet.contract.errors import BrokerError
from fleet.contract.topics import BRIDGE_STATE, STATISTICS
from fleet.contract.vocabulary import Notice
from fleet.hub.counters import BROKER_DROPPED, Counters

BROKER: Final = STATISTICS.replace("#", "broker/")
"""Where Mosquitto counts, retained, for accounts that may see it."""

BROKER_STATISTICS: Final = (
    BROKER_DROPPED, "clients/connected", "clients/disconnected", "messages/received",
    "messages/sent", "retained messages/count", "store/messages/count", "store/messages/bytes",
)  # fmt: skip
"""What of it is kept for metrics; above all what it threw away."""

MAX_BRIDGES: Final = 8
"""Bridges that are told apart: a fleet has one."""

EXCHANGE: Final = 1.0
"""Seconds from when a bridge comes up until births are asked for: what each end retains goes to the
other first."""

PACE: Final = 30.0
"""Seconds between two such questions: a bridge that comes and goes must not cost a fleet's births
each time."""

_BRIDGE: Final = re.compile(BRIDGE_STATE.removeprefix(BROKER).format("([^/]{1,64})"))

_log = logging.getLogger(__name__)


class BrokerStatistics:
    """Reads them into the counters."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._bridged = asyncio.Event()

    @staticmethod
    def filters() -> list[str]:
        """What to subscribe to."""
        return [*(BROKER + name for name in BROKER_STATISTICS), BRIDGE_STATE.format("+")]

    def read(self, topic: str, payload: bytes, *, retained: bool) -> None:
        statistics, name = self._counters.broker, topic.removeprefix(BROKER)
        if bridge := _BRIDGE.fullmatch(name):
            self._note_bridge(bridge[1], up=payload == b"1", retained=retained)
            return
        if name in BROKER_STATISTICS and payload.isdigit():
            statistics[name] = int(payload[:20])
        if not retained:
            # Mosquitto tells only what changed within a minute: a hub that came later would first
            # hear of drops as a large number out of nowhere, which is no increase to Prometheus.
            statistics.setdefault(BROKER_DROPPED, 0)

    def _note_bridge(self, name: str, *, up: bool, retained: bool) -> None:
        bridges = self._counters.bridges
        if name not in bridges and len(bridges) >= MAX_BRIDGES:
            return
        before, bridges[name] = bridges.get(name), up
        if before is not up and not retained:
            _log.warning("the bridge %s is %s", name, "up" if up else "down")
        if up and not retained:
            self._bridged.set()

    async def greet(self, announce: Callable[[Notice], Awaitable[None]]) -> None:
        """Ask for every birth once a bridge has come up. At that moment each broker gave the other
        what it retained: where they had been apart, old states took the place of newer ones, and a
        last will of a link that was lost meanwhile came late."""
        while True:
            await self._bridged.wait()
            await asyncio.sleep(EXCHANGE)
            self._bridged.clear()
            try:
                await announce(Notice.HUB_ONLINE)
            except BrokerError:
                continue  # a link that comes back asks by itself
            await asyncio.sleep(PACE)
