"""Tasks a second from submission to completion on PostgreSQL, beside procrastinate and pgqueuer.

    python -m benchmarks tasks_postgres [TASKS] [WORKERS] [ROUNDS]

As `tasks`: workers that do nothing, in one process each, and so many clients that submit one task
after the other; rounds are interleaved, results are medians. The server runs beside them, reached
by a socket, with `fsync` and `synchronous_commit` on; each contender has a new database. A task is
done when its end is in the database. Goal: 2 times the better of the two.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.peers import python_of
from benchmarks.result import tell
from benchmarks.tasks import rate_of
from fleet.contract.store_url import StoreUrl
from fleet.store.postgres import PostgresStore
from fleet.store.postgres.connection import Database
from tests.support import postgres

CONNECTIONS = 20
PEERS = ("procrastinate", "pgqueuer")


def ours(address: str, count: int, workers: int) -> float:
    return asyncio.run(rate_of(PostgresStore(Database(StoreUrl.parse(address))), count, workers))


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
        for name in PEERS:
            rate = peer(name, server.create(postgres.new_name(), "template1"), count, workers)
            if rate is not None:
                rates.setdefault(name, []).append(rate)
    per_s = {who: round(statistics.median(found), 1) for who, found in rates.items()}
    best = max((rate for who, rate in per_s.items() if who != "hub"), default=None)
    tell({
        "tasks": count, "workers": workers, "rounds": rounds, "per_s": per_s,
        "ratio": round(per_s["hub"] / best, 2) if best else None,
    })  # fmt: skip


if __name__ == "__main__":
    main()
