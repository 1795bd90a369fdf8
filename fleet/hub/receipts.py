"""Receipts: tell each sidecar how far its status and alerts are committed.

Noted after the commit, sent a little later and once an agent, however many messages came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

from fleet.bus.port import Bus
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.messages import Receipt
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.hub.counters import Counters

COALESCE: Final = 0.1
"""Seconds that receipts wait for more of the same agent."""

BUSY_WAIT: Final = 2.0
"""Seconds that receipts wait at most while one agent after the other talks: what they say is
read first. A sidecar sends again only after 5."""

AT_ONCE: Final = 200
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""

MAX_NOTED: Final = 200_000
"""Sessions waiting for their receipt; beyond that the sidecars ask again by sending again."""


Signed = Callable[[str, dict[str, Any]], bytes]
"""Makes of topic and message what travels."""


class Receipts:
    """A service: `run` sends what `note` noted."""

    name = "receipts"

    def __init__(
        self, bus: Bus, topics: Topics, counters: Counters, signed: Signed | None = None
    ) -> None:
        self._bus = bus
        self._signed = signed or _unsigned
        self._topics = topics
        self._counters = counters
        self._noted: dict[tuple[str, int], int] = {}
        self._last: dict[str, tuple[int, int]] = {}
        self._wake = asyncio.Event()

    def note(self, agent: str, boot: int, seq: int) -> None:
        """Session `boot` is committed up to `seq`, or it sent again for want of a receipt."""
        if len(self._noted) < MAX_NOTED:
            self._noted[agent, boot] = seq
            self._wake.set()
        if agent in self._last or len(self._last) < MAX_NOTED:
            self._last[agent] = boot, seq

    def repeat(self, agent: str, boot: int) -> bool:
        """Say the last one of session `boot` again: what was not committed then is not in it.
        Whether there is one."""
        last = self._last.get(agent)
        if last is None or last[0] != boot:
            return False
        self.note(agent, *last)
        return True

    def forget(self, agents: Collection[str]) -> None:
        """Of all but `agents` nothing is repeated any more."""
        self._last = {agent: last for agent, last in self._last.items() if agent in agents}

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await self._wait_for_more()
            self._wake.clear()
            noted, self._noted = list(self._noted.items()), {}
            for start in range(0, len(noted), AT_ONCE):
                some = noted[start : start + AT_ONCE]
                await asyncio.gather(*(self._send(*session, seq) for session, seq in some))

    async def _wait_for_more(self) -> None:
        """Until no other session speaks, or for as long as a receipt may wait."""
        clock = asyncio.get_running_loop().time
        end, before = clock() + BUSY_WAIT, -1
        while len(self._noted) > before and clock() < end:
            before = len(self._noted)
            await asyncio.sleep(COALESCE)

    async def _send(self, agent: str, boot: int, seq: int) -> None:
        topic = self._topics.of(MessageKind.RECEIPT, agent)
        try:
            await self._bus.publish(topic, self._signed(topic, {"boot": boot, "seq": seq}))
            self._counters.receipts += 1
        except (BrokerError, ConfigError):
            self._counters.receipts_failed += 1  # the sidecar sends again and so asks again


def _unsigned(_topic: str, message: dict[str, Any]) -> bytes:
    return Receipt(**message).to_payload()
