"""pgqueuer's side of `python -m benchmarks tasks_postgres`: so many tasks that do nothing, through
its own queue and its own worker, in one process. Run by the interpreter that has it.

    python pgqueuer_tasks.py DATABASE TASKS WORKERS CONNECTIONS

Prints seconds from the first submission until the last is `successful` in the database.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries

database, tasks, workers, connections = sys.argv[1], *map(int, sys.argv[2:])
DONE = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"
done = asyncio.Semaphore(0)


async def client(queries: Queries, count: int) -> None:
    for _ in range(count):
        await queries.enqueue("nothing", None)


async def ended(pool: asyncpg.Pool) -> None:
    for _ in range(tasks):
        await done.acquire()
    while await pool.fetchval(DONE) < tasks:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


async def main() -> float:
    async with asyncpg.create_pool(database, min_size=1, max_size=connections) as pool:
        driver = AsyncpgPoolDriver(pool)
        queries, queue = Queries(driver), PgQueuer(driver)
        await queries.install()

        @queue.entrypoint("nothing")
        async def nothing(_job: object) -> None:
            done.release()

        worker = asyncio.create_task(
            queue.qm.run(batch_size=workers, dequeue_timeout=timedelta(seconds=0.1))
        )
        await asyncio.sleep(1)  # until it listens
        began = time.perf_counter()
        shares = [tasks // workers + (n < tasks % workers) for n in range(workers)]
        await asyncio.gather(*(client(queries, share) for share in shares))
        await ended(pool)
        took = time.perf_counter() - began
        queue.qm.shutdown.set()
        await asyncio.wait_for(worker, 30)
        return took


print(asyncio.run(main()), flush=True)
