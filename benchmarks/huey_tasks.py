"""Huey's side of `python -m benchmarks tasks`: so many tasks that do nothing, through its queue in
SQLite and its own consumer's threads, in one process. Run by the interpreter that has it.

    python huey_tasks.py FILE TASKS WORKERS FSYNC

Prints seconds from the first submission to the last completion.
"""

from __future__ import annotations

import sys
import threading
import time

from huey import SqliteHuey
from huey.signals import SIGNAL_COMPLETE

file, tasks, workers, fsync = sys.argv[1], *map(int, sys.argv[2:])
huey = SqliteHuey(filename=file, fsync=bool(fsync))
done = threading.Semaphore(0)


@huey.task()
def nothing() -> int:
    return 1


@huey.signal(SIGNAL_COMPLETE)
def completed(*_: object) -> None:
    done.release()


consumer = huey.create_consumer(
    workers=workers, periodic=False, initial_delay=0.001, max_delay=0.01, check_worker_health=False
)
consumer.start()
began = time.perf_counter()
for _ in range(tasks):
    nothing()
for _ in range(tasks):
    done.acquire()
print(time.perf_counter() - began, flush=True)
consumer.stop(graceful=False)
