"""A page of history out of ten million messages in PostgreSQL, and in SQLite in the same run.

    python -m benchmarks history_postgres [ROWS] [AGENTS]

The rows are those of `history`, made by the server itself; it runs beside, reached by a socket.
Goal: at most 50 ms a page of 100, whatever the filter.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import history
from benchmarks.history import ALERT, HEARTBEAT, PAYLOAD, SPAN, START, slowest
from benchmarks.result import tell
from fleet.contract.store_url import StoreUrl
from fleet.store.postgres import PostgresStore, months
from fleet.store.postgres.connection import Connection, Database
from tests.support import postgres

STEP: Final = 50_000
"""Rows a statement: less than a store waits for an answer."""


def agents_in(connection: Connection, agents: int) -> None:
    """`agents` by the names of `history`, and the rare one; and the month that all rows are in."""
    connection.execute(
        "INSERT INTO agent SELECT n + 1, 'agent-' || lpad(n::text, 5, '0')"
        " FROM generate_series(0, %s) AS n",
        (agents - 1,),
    )
    connection.execute("INSERT INTO agent VALUES (%s, 'rare')", (agents + 1,))
    first, last = months.month_of(START), months.month_of(START + SPAN)
    months.make(connection, range(first, last + 1))


def rows_in(connection: Connection, first: int, last: int, rows: int, agents: int) -> None:
    connection.execute(
        "INSERT INTO message SELECT n, %s + %s * n / %s,"
        " CASE WHEN n %% 1000003 = 7 THEN %s ELSE n %% %s + 1 END,"
        " CASE WHEN n %% 1000 = 0 THEN 2 WHEN n %% 100 = 0 THEN 1 ELSE 0 END, false, %s"
        " FROM generate_series(%s::bigint, %s::bigint) AS n",
        (START, SPAN, rows, agents + 1, agents, PAYLOAD, first, last),
    )


def moments_in(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO moment SELECT 0, floor(at / 10) * 10, min(id) FROM message GROUP BY 1, 2"
    )
    connection.execute(
        "INSERT INTO meta SELECT name, max FROM (SELECT max(id) FROM message) AS last,"
        " unnest(ARRAY['message_to', 'rolled_to', 'replay_from']) AS name"
    )


def fill(url: StoreUrl, rows: int, agents: int) -> float:
    """Rows a second."""
    database = Database(url)
    database.open()
    began = time.perf_counter()
    database.transaction(lambda connection: agents_in(connection, agents))
    for first in range(1, rows + 1, STEP):
        last = min(first + STEP - 1, rows)
        database.transaction(lambda c, a=first, b=last: rows_in(c, a, b, rows, agents))  # type: ignore[misc]
    spent = time.perf_counter() - began
    database.transaction(moments_in)
    database.transaction(lambda connection: connection.execute("ANALYZE"))
    database.close()
    return rows / spent


async def measure(server: postgres.Postgres, rows: int, agents: int) -> dict[str, Any]:
    name = postgres.new_name()
    url = StoreUrl.parse(server.create(name))
    filled = fill(url, rows, agents)
    store = PostgresStore(Database(url))
    began = time.perf_counter()
    store.open()
    opened = time.perf_counter() - began
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
    [(size,)] = server.run("SELECT pg_database_size(current_database())", database=name)
    return {
        "made_per_s": round(filled),
        "page_ms": pages,
        "open_s": round(opened, 2),
        "bytes_a_row": round(int(size) / rows),
    }


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    agents = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    if not postgres.POSTGRES:
        raise SystemExit("PostgreSQL is not installed\nTry: sh scripts/test.sh --all")
    server = postgres.own_server(["fsync=on", "shared_buffers=128MB", "max_wal_size=4GB"])
    ours = asyncio.run(measure(server, rows, agents))
    with tempfile.TemporaryDirectory() as folder:
        beside = asyncio.run(history.measure(rows, agents, Path(folder)))
    tell({"rows": rows, "load": os.getloadavg()[0], "postgres": ours, "sqlite": beside})


if __name__ == "__main__":
    main()
