"""Tasks a second from submission to completion on PostgreSQL, beside procrastinate and pgqueuer.

    python -m benchmarks tasks_postgres [TASKS] [WORKERS] [ROUNDS]

As `tasks`: workers that do nothing, in one process each, and so many clients that submit one task
after the other; rounds are interleaved, results are medians. The server runs beside them, reached
by a socket, with `fsync` and `synchronous_commit` on; each contender has a new database. A task is
done when its end is in the database. `floor` is the same three writes where nothing is judged,
nobody waits for an answer, and nothing runs beside: each for so many tasks by one statement and one
commit. Goal: 2 times the better of the two.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.peers import python_of
from benchmarks.result import tell
from benchmarks.tasks import new_tasks, rate_of
from fleet.contract.store_url import StoreUrl
from fleet.domain.work.task import Task
from fleet.store.postgres import PostgresStore
from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.work import BY_INDEX, PostgresStatements
from fleet.store.work.rows import TASK_COLUMNS, Row, task_row
from tests.support import postgres

CONNECTIONS = 20
PEERS = ("procrastinate", "pgqueuer")


def ours(address: str, count: int, workers: int) -> float:
    return asyncio.run(rate_of(PostgresStore(Database(StoreUrl.parse(address))), count, workers))


def floor(address: str, count: int, workers: int) -> float:
    """Tasks a second."""
    database = Database(StoreUrl.parse(address))
    database.open()
    tasks = new_tasks(count)
    began = time.perf_counter()
    for first in range(0, count, workers):
        part = tasks[first : first + workers]
        for write in (_submitted, _claimed, _ended):
            database.transaction(partial(write, tasks=part), settings=BY_INDEX)
    took = time.perf_counter() - began
    database.close()
    return count / took


def _submitted(connection: Connection, tasks: list[Task]) -> None:
    rows: list[Row] = [(*task_row(task), 0, "", 1) for task in tasks]
    columns = (*TASK_COLUMNS.values(), "waits", "content", "revision")
    sql = PostgresStatements(connection)
    sql.insert("task", columns, rows)
    sql.finish()


def _claimed(connection: Connection, tasks: list[Task]) -> None:
    columns = ("state", "attempt", "epoch", "holder", "started", "lease_until", "revision")
    rows: list[Row] = [("working", 1, 1, "larry", task.created, 1e12, 2, task.id) for task in tasks]
    sql = PostgresStatements(connection)
    sql.update("task", "id", columns, rows)
    sql.finish()


def _ended(connection: Connection, tasks: list[Task]) -> None:
    columns = ("state", "lease_until", "progress", "ended", "revision")
    rows: list[Row] = [("completed", None, 100, task.created, 3, task.id) for task in tasks]
    sql = PostgresStatements(connection)
    sql.update("task", "id", columns, rows)
    sql.finish()


def peer(name: str, address: str, count: int, workers: int) -> float | None:
    """Tasks a second; None: it is not installed."""
    python = python_of(name)
    if python is None:
        return None
    script = Path(__file__).with_name(f"{name}_tasks.py")
    argv = [python, script, address, str(count), str(workers), str(CONNECTIONS)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=250)
    return count / float(done.stdout)


def main() -> None:
    count, workers, rounds = map(int, (sys.argv[1:] + ["2000", "20", "3"][len(sys.argv) - 1 :]))
    if not postgres.POSTGRES:
        raise SystemExit("PostgreSQL is not installed\nTry: sh scripts/test.sh --all")
    server = postgres.own_server(["fsync=on", "shared_buffers=128MB"])
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        hub = ours(server.create(postgres.new_name()), count, workers)
        rates.setdefault("hub", []).append(hub)
        bare = floor(server.create(postgres.new_name()), count, workers)
        rates.setdefault("floor", []).append(bare)
        for name in PEERS:
            rate = peer(name, server.create(postgres.new_name(), "template1"), count, workers)
            if rate is not None:
                rates.setdefault(name, []).append(rate)
    per_s = {who: round(statistics.median(found), 1) for who, found in rates.items()}
    best = max((rate for who, rate in per_s.items() if who in PEERS), default=None)
    tell({
        "tasks": count, "workers": workers, "rounds": rounds, "per_s": per_s,
        "ratio": round(per_s["hub"] / best, 2) if best else None,
    })  # fmt: skip


if __name__ == "__main__":
    main()
