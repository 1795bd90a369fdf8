"""Tasks a second from submission to completion, with workers that do nothing, beside huey.

    python -m benchmarks tasks [TASKS] [WORKERS] [ROUNDS]

Both keep their queue in SQLite and run their workers in one process. Ours submits, claims and
finishes through the hub's own store, which waits for the disk before it answers (`synchronous =
FULL`); `huey` is told to do the same (`fsync`), `huey-unsafe` is huey as it comes, which a power
cut may rob of what it took. `floor` is bare SQLite, so many tasks a commit. Goal: 2 times `huey`.
`claim_us` is one claim with so many queued.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.peers import python_of  # noqa: E402  # run as a file, too
from benchmarks.result import tell  # noqa: E402
from fleet.contract.timestamps import ulid  # noqa: E402
from fleet.contract.work_vocabulary import TaskState  # noqa: E402
from fleet.domain.work.limits import MAX_CONTEXT_TASKS, MAX_QUEUED  # noqa: E402
from fleet.domain.work.task import Task  # noqa: E402
from fleet.store.sqlite import SqliteStore  # noqa: E402
from fleet.store.sqlite.connection import connect  # noqa: E402
from fleet.store.sqlite.migrations import migrate  # noqa: E402
from fleet.store.work.rows import TASK_COLUMNS, task_row  # noqa: E402
from fleet.store.work_port import WorkStore  # noqa: E402

KIND = "nothing"
IDLE = 0.001
"""Seconds that a worker of ours waits when it found no task: a wake-up would tell it."""


def new_tasks(count: int) -> list[Task]:
    """Each in a context that has room for it."""
    now = time.time()
    contexts = [ulid(now) for _ in range(count // MAX_CONTEXT_TASKS + 1)]
    return [
        Task(ulid(now), "lab", contexts[n // MAX_CONTEXT_TASKS], KIND, now, by="cli")
        for n in range(count)
    ]


async def submit(work: WorkStore, tasks: list[Task], at_once: int) -> None:
    """As so many clients would, each its share, one after the other."""

    async def client(share: list[Task]) -> None:
        for task in share:
            await work.submit(task, time.time())

    await asyncio.gather(*(client(tasks[n::at_once]) for n in range(at_once)))


async def worker(work: WorkStore, name: str, left: list[int]) -> None:
    while left[0] > 0:
        task = await work.claim(name, "lab", [KIND], time.time())
        if task is None:
            await asyncio.sleep(IDLE)
            continue
        await work.finish(task.id, name, task.epoch, TaskState.COMPLETED, (), None, time.time())
        left[0] -= 1


class Opened(Protocol):
    """A store of any kind."""

    work: WorkStore

    def open(self) -> object: ...

    async def close(self) -> None: ...


async def rate_of(store: Opened, count: int, workers: int) -> float:
    """Tasks a second."""
    store.open()
    tasks, left = new_tasks(count), [count]
    began = time.perf_counter()
    loops = (worker(store.work, f"worker-{n}", left) for n in range(workers))
    await asyncio.gather(submit(store.work, tasks, workers), *loops)
    took = time.perf_counter() - began
    await store.close()
    return count / took


def floor(folder: Path, count: int, workers: int) -> float:
    """Tasks a second where nothing is judged, nobody waits for an answer, and nothing runs beside:
    the three writes of a task, each for so many tasks in one commit, by bare SQLite."""
    database = connect(folder / "floor.sqlite3")
    migrate(database)
    tasks = new_tasks(count)
    names = ", ".join(TASK_COLUMNS.values())
    holes = ", ".join("?" * len(TASK_COLUMNS))
    steps = (
        (f"INSERT INTO task ({names}, waits, content, revision) VALUES ({holes}, 0, '', 1)",  # noqa: S608 - our own words
         task_row),
        ("UPDATE task SET state = 'working', attempt = 1, epoch = 1, holder = 'larry', started = ?,"
         " lease_until = 1e12, revision = 2 WHERE id = ?", lambda task: (task.created, task.id)),
        ("UPDATE task SET state = 'completed', lease_until = NULL, progress = 100, ended = ?,"
         " revision = 3 WHERE id = ?", lambda task: (task.created, task.id)),
    )  # fmt: skip
    began = time.perf_counter()
    for first in range(0, count, workers):
        for statement, values in steps:
            database.execute("BEGIN IMMEDIATE")
            for task in tasks[first : first + workers]:
                database.execute(statement, values(task))
            database.execute("COMMIT")
    took = time.perf_counter() - began
    database.close()
    return count / took


async def claims(folder: Path, queued: tuple[int, ...]) -> dict[str, float]:
    """Microseconds of a claim, one after the other, with so many in the queue."""
    store = SqliteStore(folder / "queue")
    store.open()
    found, there = {}, 0
    for count in queued:
        await submit(store.work, new_tasks(count - there), 50)
        took = []
        for _ in range(50):
            began = time.perf_counter()
            task = await store.work.claim("larry", "lab", [KIND], time.time())
            took.append(time.perf_counter() - began)
            assert task is not None
        there = count - len(took)
        found[str(count)] = round(statistics.median(took) * 1e6, 1)
    await store.close()
    return found


def hueys(folder: Path, count: int, workers: int, fsync: int) -> float | None:
    """Tasks a second; None: it is not installed."""
    python = python_of("huey")
    if python is None:
        return None
    script = Path(__file__).with_name("huey_tasks.py")
    argv = [python, script, folder / f"huey-{fsync}.db", str(count), str(workers), str(fsync)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=250)
    return count / float(done.stdout)


def main() -> None:
    count, workers, rounds = map(int, (sys.argv[1:] + ["2000", "20", "3"][len(sys.argv) - 1 :]))
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            hub = asyncio.run(rate_of(SqliteStore(folder / "home"), count, workers))
            for who, rate in (
                ("floor", floor(folder, count, workers)),
                ("hub", hub),
                ("huey", hueys(folder, count, workers, 1)),
                ("huey-unsafe", hueys(folder, count, workers, 0)),
            ):
                if rate is not None:
                    rates.setdefault(who, []).append(rate)
    with tempfile.TemporaryDirectory() as name:
        flat = asyncio.run(claims(Path(name), (100, min(2 * count, MAX_QUEUED))))
    per_s: dict[str, Any] = {who: round(statistics.median(r), 1) for who, r in rates.items()}
    tell({
        "tasks": count, "workers": workers, "rounds": rounds, "per_s": per_s,
        "ratio": round(per_s["hub"] / per_s["huey"], 2) if "huey" in per_s else None,
        "claim_us": flat,
    })  # fmt: skip


if __name__ == "__main__":
    main()
