"""The hub's path from payload to commit, without a bus, beside bare SQLite inserts.

    python -m benchmarks ingest [MESSAGES] [AGENTS]

Batches of 1,000 are judged, observed and committed as in `fleet serve`. The rate is set
against inserts of the same payloads into the same table with nothing else done.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from benchmarks.result import tell
from fleet.bus.port import Inbound
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.domain.roster import Roster
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.feed import Feed
from fleet.hub.ingest import Ingest
from fleet.hub.receipts import Receipts
from fleet.store.sqlite import SqliteStore

BATCH: Final = 1000


class Canned:
    """A bus that says what it was given, and takes acknowledgements."""

    def __init__(self, load: list[list[Inbound]]) -> None:
        self._load = load

    async def ack_many(self, messages: list[Inbound]) -> None:
        pass

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        for batch in self._load:
            yield batch


def load(messages: int, agents: int) -> list[list[Inbound]]:
    """Heartbeats of about 194 bytes, as in the other benchmarks."""
    batches: list[list[Inbound]] = []
    now = time.time()
    for number in range(messages):
        if number % BATCH == 0:
            batches.append([])
        body: dict[str, Any] = {
            "ok": True,
            "ts": timestamp(now),
            "uptime": number,
            "interval": 600,
            "boot": 1_800_000_000_000,
            "seq": number // agents,
            "checks": {"process": "pass", "endpoint": "pass"},
            "metrics": {"memory_bytes": 100_000_000 + number % 900 * 1_000_000},
        }
        payload = json.dumps(body, separators=(",", ":")).encode()
        batches[-1].append(Inbound(f"fleet/agent-{number % agents:05d}/heartbeat", payload, 1))
    return batches


async def through_the_hub(batches: list[list[Inbound]], home: Path) -> float:
    counters = Counters()
    store = SqliteStore(home)
    bus: Any = Canned(batches)
    roster = Roster()
    committer = Committer(store, roster, Feed(counters), counters)
    reader = Reader()
    committer.restore(store.open(), reader.read)
    topics = Topics()
    ingest = Ingest(bus, topics, reader, committer, Receipts(bus, topics, counters))
    began = time.perf_counter()
    await ingest.run()
    spent = time.perf_counter() - began
    assert counters.stored == sum(map(len, batches)), counters
    await store.close()
    return spent


def bare(batches: list[list[Inbound]], home: Path) -> float:
    database = sqlite3.connect(home / "bare.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, at REAL, payload BLOB)")
    began = time.perf_counter()
    for batch in batches:
        database.execute("BEGIN")
        rows = [(time.time(), inbound.payload) for inbound in batch]
        database.executemany("INSERT INTO message (at, payload) VALUES (?, ?)", rows)
        database.execute("COMMIT")
    spent = time.perf_counter() - began
    database.close()
    return spent


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    agents = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    batches = load(messages, agents)
    with tempfile.TemporaryDirectory() as folder:
        hub = asyncio.run(through_the_hub(batches, Path(folder)))
        alone = bare(batches, Path(folder))
    result = {
        "messages": messages,
        "agents": agents,
        "hub_per_s": round(messages / hub),
        "bare_sqlite_per_s": round(messages / alone),
        "ratio": round(alone / hub, 2),
    }
    tell(result)


if __name__ == "__main__":
    main()
