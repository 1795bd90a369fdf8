"""Receipts: tell each sidecar how far its status and alerts are committed.

Noted after the commit, sent a little later and once an agent, however many messages came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from fleet.bus.port import Bus
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.messages import Receipt
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.hub.counters import Counters

COALESCE: Final = 0.1
"""Seconds that receipts wait for more of the same agent, and for nobody else to speak."""

BUSY_WAIT: Final = 2.0
"""Seconds that each waits at most while one agent after the other speaks: what they say is read
first. A sidecar sends again after 2.5 at the earliest."""

AT_ONCE: Final = 100
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""

TAKEN: Final = 2_000
"""Receipts that are taken up together: those beyond may still be put off by who speaks."""

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
        self._noted: dict[tuple[str, int], tuple[int, float]] = {}
        """How far, and since when (monotonic s); whoever waits longest comes first."""
        self._spoke = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._wake = asyncio.Event()

    def note(self, agent: str, boot: int, seq: int) -> None:
        """Session `boot` is committed up to `seq`, or it sent again for want of a receipt."""
        waiting = self._noted.get((agent, boot))
        if waiting is not None:
            self._noted[agent, boot] = seq, waiting[1]
        elif len(self._noted) < MAX_NOTED:
            self._noted[agent, boot] = seq, time.monotonic()
            self._spoke += 1
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
            self._wake.clear()
            while self._noted:
                before = self._spoke
                await asyncio.sleep(COALESCE)
                now = time.monotonic()
                until = now if self._spoke == before else now - BUSY_WAIT
                while some := self.take(until):
                    rest = iter(some)
                    senders = min(AT_ONCE, len(some))
                    await asyncio.gather(*(self._send_all(rest) for _ in range(senders)))

    def take(self, until: float) -> list[tuple[str, int, int]]:
        """Some of those that wait since `until` or longer, and wait no more: agent, session, and
        how far."""
        some: list[tuple[str, int, int]] = []
        for (agent, boot), (seq, since) in self._noted.items():
            if since > until or len(some) >= TAKEN:
                break
            some.append((agent, boot, seq))
        for agent, boot, _ in some:
            del self._noted[agent, boot]
        return some

    async def _send_all(self, rest: Iterator[tuple[str, int, int]]) -> None:
        """One of several that share `rest`: a task for each receipt would cost as much as it."""
        for one in rest:
            await self._send(*one)

    async def _send(self, agent: str, boot: int, seq: int) -> None:
        topic = self._topics.of(MessageKind.RECEIPT, agent)
        try:
            await self._bus.publish(topic, self._signed(topic, {"boot": boot, "seq": seq}))
            self._counters.receipts += 1
        except (BrokerError, ConfigError):
            self._counters.receipts_failed += 1  # the sidecar sends again and so asks again


def _unsigned(_topic: str, message: dict[str, Any]) -> bytes:
    return Receipt(**message).to_payload()
