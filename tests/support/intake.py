"""The way from bus to store without a hub: a bus under the test's hand, a clock that stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fleet.bus.port import Inbound
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.domain.roster import Roster
from fleet.hub import machine_clock
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.hub.ingest import Ingest
from fleet.hub.machine_clock import Kept
from fleet.hub.receipts import Receipts
from tests.support.stores import FaultyStore
from tests.support.telemetry import NOON


class ScriptedBus:
    """A bus under the test's hand: what is put is delivered, what is done is noted."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[list[Inbound]] = asyncio.Queue()
        self.acked: list[Inbound] = []
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.taken = 0

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        while True:
            batch = await self.queue.get()
            self.taken += 1
            yield batch

    async def ack_many(self, messages: list[Inbound]) -> None:
        self.acked += messages

    async def publish(self, topic: str, payload: bytes, **_: object) -> None:
        self.published.append((topic, json.loads(payload)))

    def deliver(self, *messages: Inbound) -> None:
        self.queue.put_nowait(list(messages))


class Intake:
    """Everything between bus and store, at a clock that stands until it is moved."""

    def __init__(
        self,
        home: Path,
        *,
        at: Callable[[], tuple[float, float]] | None = None,
        kept: Kept | None = None,
        trusted: bool = False,
    ) -> None:
        """`at` gives both clocks of the machine, its own and one that nobody sets."""
        self.now = NOON
        self.bus = ScriptedBus()
        self.counters = Counters()
        self.store = FaultyStore(home)
        self.roster = Roster(interval=10)
        self.feed = Feed(self.counters)
        self.passed = 0.0
        self.at = at or (lambda: (self.now, self.passed))
        self.committer = Committer(
            self.store,
            self.roster,
            self.feed,
            self.counters,
            HubTime(lambda: self.at()[0], lambda: self.at()[1], boot="b"),
        )
        reader = Reader()
        bus: Any = self.bus
        self.receipts = Receipts(bus, Topics(), self.counters)
        self.ingest = Ingest(bus, Topics(), reader, self.committer, self.receipts)
        memory = self.store.open()
        kept = kept or machine_clock.read(home)
        self.committer.restore(memory, reader.read, kept, trusted=trusted)
        self.ingest.remember(self.store.replay(0))

    def wait(self, seconds: float) -> None:
        """Time passes, by every clock."""
        self.now += seconds
        self.passed += seconds

    async def stored(self) -> list[bytes]:
        return [message.payload for message in (await self.store.history()).messages]


def beat(agent: str = "larry", *, retain: bool = False, **fields: object) -> Inbound:
    body = {"ok": True, "ts": timestamp(NOON), **fields}
    return Inbound(f"fleet/{agent}/heartbeat", json.dumps(body).encode(), 1, retain)


def status(agent: str = "larry", *, state: str = "running", **fields: object) -> Inbound:
    body = {"state": state, "ts": timestamp(NOON), **fields}
    return Inbound(f"fleet/{agent}/status", json.dumps(body).encode(), 1)


def alert(agent: str = "larry", **fields: object) -> Inbound:
    body = {"code": "error-rate", "severity": "info", "state": "firing", "ts": timestamp(NOON)}
    return Inbound(f"fleet/{agent}/alert", json.dumps({**body, **fields}).encode(), 1)
