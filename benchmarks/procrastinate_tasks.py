"""procrastinate's side of `python -m benchmarks tasks_postgres`: so many tasks that do nothing,
through its own queue and its own worker, in one process. Run by the interpreter that has it.

    python procrastinate_tasks.py DATABASE TASKS WORKERS CONNECTIONS

Prints seconds from the first submission until the last is `succeeded` in the database.
"""

from __future__ import annotations

import asyncio
import sys
import time

from procrastinate import App, PsycopgConnector

database, tasks, workers, connections = sys.argv[1], *map(int, sys.argv[2:])
app = App(connector=PsycopgConnector(conninfo=database, min_size=1, max_size=connections))
DONE = "SELECT count(*) AS count FROM procrastinate_jobs WHERE status = 'succeeded'"
done = asyncio.Semaphore(0)


@app.task(name="nothing")
async def nothing() -> None:
    done.release()


async def client(count: int) -> None:
    for _ in range(count):
        await nothing.defer_async()


async def ended() -> None:
    for _ in range(tasks):
        await done.acquire()
    while (await app.connector.execute_query_one_async(DONE))["count"] < tasks:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


async def main() -> float:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=workers, fetch_job_polling_interval=0.05, install_signal_handlers=False
            )
        )
        await asyncio.sleep(1)  # until it listens
        began = time.perf_counter()
        shares = [tasks // workers + (n < tasks % workers) for n in range(workers)]
        await asyncio.gather(*map(client, shares))
        await ended()
        took = time.perf_counter() - began
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return took


print(asyncio.run(main()), flush=True)
