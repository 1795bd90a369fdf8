"""R13: a day of a fleet, compressed: ledger, roster and store of the hub under a clock that runs.

No broker and no network: what is looked for is growth over time, and that is the hub's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from fleet.bus.port import Inbound
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.domain.roster import Roster
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.hub.ingest import Ingest
from fleet.hub.receipts import Receipts
from fleet.store.records import HOUR
from fleet.store.retention import Retention
from fleet.store.sqlite import FILE_NAME, SqliteStore
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import memory_of
from tests.support.intake import ScriptedBus

INTERVAL = 600.0
"""Seconds between beats: the default."""

DAY = 24 * HOUR
START = 1_800_000_000.0
BATCH = 1_000
KEPT = 6 * HOUR / 86_400
"""Days that messages and roll-ups are kept here, so that forgetting is part of the day."""

MEBI = 1 << 20


class Day:
    """The hub's inside, with a clock that the scenario moves."""

    def __init__(self, home: Path, agents: int) -> None:
        self.now = START
        self.agents = [f"agent-{number}" for number in range(agents)]
        self.path = home / FILE_NAME
        self.store = SqliteStore(home, Retention(raw=KEPT, rollups=KEPT))
        self.roster = Roster(interval=INTERVAL)
        counters = Counters()
        self.committer = Committer(
            self.store,
            self.roster,
            Feed(counters),
            counters,
            HubTime(lambda: self.now, lambda: self.now),
        )
        self.bus = ScriptedBus()
        reader = Reader()
        bus = self.bus
        receipts = Receipts(bus, Topics(), counters)  # type: ignore[arg-type]
        self.ingest = Ingest(bus, Topics(), reader, self.committer, receipts)  # type: ignore[arg-type]
        self.committer.restore(self.store.open(), reader.read)
        self.sent = 0
        self.false = 0

    async def pass_interval(self, beat: int) -> None:
        """Everyone beats once, spread over the interval; time passes; upkeep does its work."""
        slices = range(0, len(self.agents), BATCH)
        for start in slices:
            self.now += INTERVAL / len(slices)
            batch = [self._beat(name, beat) for name in self.agents[start : start + BATCH]]
            self.bus.deliver(*batch)
            self.sent += len(batch)
            while len(self.bus.acked) < len(batch):  # noqa: ASYNC110 - the desk has no event
                await asyncio.sleep(0)
            self.bus.acked.clear()
            events = self.roster.tick(self.now)
            self.false += len(events)
            await self.committer.write(events)
        while await self.store.upkeep(self.now):
            pass

    def _beat(self, name: str, beat: int) -> Inbound:
        body = {
            "ok": True, "ts": timestamp(self.now), "uptime": beat * 600, "interval": 600,
            "boot": 7, "seq": beat, "checks": {"process": "pass", "endpoint": "pass"},
            "metrics": {"memory_bytes": 1e8 + beat, "cpu_seconds_total": beat * 1.5},
        }  # fmt: skip
        return Inbound(f"fleet/{name}/heartbeat", json.dumps(body).encode(), 1, False)

    async def ask(self) -> float:
        """Seconds that the questions of a page take: one agent's last day, the latest of all."""
        began = time.perf_counter()
        for name in self.agents[:: max(1, len(self.agents) // 20)]:
            await self.store.history(agent=name, kind=MessageKind.HEARTBEAT, limit=100)
            await self.store.history(agent=name, since=self.now - HOUR, limit=100)
        self.roster.views(self.now)
        return time.perf_counter() - began

    def bytes(self) -> int:
        """Of the database and its log."""
        return sum(path.stat().st_size for path in self.path.parent.glob(f"{FILE_NAME}*"))


def run(folder: Path, short: bool) -> Finding:
    return asyncio.run(live(folder, 200 if short else 10_000))


async def live(folder: Path, agents: int) -> Finding:
    day = Day(folder / "home", agents)
    intake = asyncio.create_task(day.ingest.run())
    began = time.monotonic()
    looks: dict[int, tuple[float, int, float]] = {}
    try:
        for beat in range(int(DAY / INTERVAL)):
            await day.pass_interval(beat)
            hour, minute = divmod((beat + 1) * INTERVAL, HOUR)
            if not minute and hour in (12, 24):
                asked = min([await day.ask() for _ in range(3)])
                looks[int(hour)] = (memory_of(os.getpid()), day.bytes(), asked)
    finally:
        intake.cancel()
        await asyncio.gather(intake, return_exceptions=True)
        await day.store.close()
    took = time.monotonic() - began
    (memory, size, asked), (memory_2, size_2, asked_2) = looks[12], looks[24]
    level = memory_2 <= memory * 1.1 + 4 * MEBI and size_2 <= size * 1.1 + MEBI
    return Finding(
        f"{agents:,} agents, {day.sent:,} beats in {took:.0f} s; after 12 and 24 hours:"
        f" memory {memory / MEBI:.0f} and {memory_2 / MEBI:.0f} MiB, store {size / MEBI:.0f} and"
        f" {size_2 / MEBI:.0f} MiB (kept 6 h), 40 questions and a full view {asked:.3f} and"
        f" {asked_2:.3f} s; {day.false} false events",
        level and not day.false,
        {"beats": day.sent, "seconds": took, "memory": memory_2, "store": size_2},
        asked_2 <= asked * 1.5 + 0.02,
    )


SCENARIO = Scenario(
    "R13",
    "24 hours of fleet time at 10,000 agents, compressed",
    "memory and file sizes level, queries as fast at the end",
    run,
)
