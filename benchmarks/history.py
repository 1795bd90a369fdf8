"""A page of history out of ten million messages, the index behind the log caught up.

    python -m benchmarks history [ROWS] [AGENTS]

Goal: at most 50 ms a page of 100, whatever the filter.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.result import tell
from fleet.contract.vocabulary import MessageKind
from fleet.store.port import StoreReader
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore

START: Final = 1_800_000_000.0
SPAN: Final = 14 * 86_400.0
BATCH: Final = 10_000
PAYLOAD: Final = (
    b'{"ok":true,"ts":"2027-01-15T08:00:00.000Z","uptime":86400,"interval":600,'
    b'"boot":1800000000000,"seq":7,"checks":{"process":"pass","endpoint":"pass"}}'
)
HEARTBEAT, STATUS, ALERT = MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT


async def fill(store: SqliteStore, rows: int, agents: int) -> float:
    """Rows over fourteen days; one in a hundred a status, one in a thousand an alert."""
    began = time.perf_counter()
    for first in range(1, rows + 1, BATCH):
        messages = [
            StoredMessage(
                id_,
                START + SPAN * id_ / rows,
                "rare" if id_ % 1_000_003 == 7 else f"agent-{id_ % agents:05d}",
                ALERT if id_ % 1000 == 0 else STATUS if id_ % 100 == 0 else HEARTBEAT,
                False,
                PAYLOAD,
            )
            for id_ in range(first, min(first + BATCH, rows + 1))
        ]
        await store.commit(Batch(messages))
    return time.perf_counter() - began


async def slowest(store: StoreReader, **wanted: Any) -> float:
    """The slowest of the first, a middle and a late page, in ms."""
    worst = 0.0
    for since in (None, START + SPAN / 2, START + SPAN * 0.99):
        began = time.perf_counter()
        await store.history(since=since, limit=100, **wanted)
        worst = max(worst, time.perf_counter() - began)
    return round(worst * 1e3, 2)


async def measure(rows: int, agents: int, home: Path) -> dict[str, Any]:
    store = SqliteStore(home)
    store.open()
    filled = await fill(store, rows, agents)
    began = time.perf_counter()
    # A day before the end: nothing to forget, and the index is what is measured.
    while await store.upkeep(START):
        pass
    indexed = time.perf_counter() - began
    await store.history()
    pages = {
        "all": await slowest(store),
        "agent": await slowest(store, agent="agent-00042"),
        "rare agent": await slowest(store, agent="rare"),
        "agent and kind": await slowest(store, agent="agent-00100", kind=ALERT),
        "kind": await slowest(store, kind=ALERT),
        "heartbeats": await slowest(store, kind=HEARTBEAT),
    }
    await store.close()
    began = time.perf_counter()
    again = SqliteStore(home)
    again.open()
    opened = time.perf_counter() - began
    await again.close()
    return {
        "rows": rows,
        "written_per_s": round(rows / filled),
        "indexed_per_s": round(rows / indexed),
        "page_ms": pages,
        "open_s": round(opened, 2),
        "bytes_a_row": round((home / "fleet.sqlite3").stat().st_size / rows),
    }


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    agents = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as folder:
        tell(asyncio.run(measure(rows, agents, Path(folder))))


if __name__ == "__main__":
    main()
