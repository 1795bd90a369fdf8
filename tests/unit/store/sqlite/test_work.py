"""What is SQLite's own of work by reference: the way to rows, shared transactions, old files. The
rest stands in tests/contract."""

from __future__ import annotations

import asyncio
import sqlite3
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.work_vocabulary import TaskState
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.migrations import STEPS
from fleet.store.sqlite.work import SqliteStatements, tables
from fleet.store.work import board_calls, task_calls
from fleet.store.work.shared import SharedTransactions
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.statements import Question
from fleet.store.work.tables import WorkTables
from fleet.store.work.transactional import TransactionalWork
from tests.support.old_release import HOMES
from tests.support.stores import finish_upkeep
from tests.support.telemetry import NOON
from tests.support.work import CONTEXT, asked, blob, claimed, ended, keep, submitted, task_id

COPIED = (
    "grp, context, kind, created, addressee, submitter, input, output, needs, parent, depth, ttl,"
    " timeout, max_attempts, expires, attempt, epoch, holder, lease_until, started, ended,"
    " progress, reason, cancel, told, content, revision"
)
STEP = 10
"""Instructions of SQLite's machine that are counted as one."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "home")
    store.open()
    yield store
    await store.close()


def fill(database: sqlite3.Connection, first: int, last: int) -> None:
    """Tasks of every kind of wait: for a worker, for another time, for other tasks, in other groups
    and of other kinds."""
    database.execute(
        "WITH RECURSIVE c (n) AS (VALUES (?) UNION ALL SELECT n + 1 FROM c WHERE n < ?)"  # noqa: S608 - our own words
        f" INSERT INTO task ({COPIED}, id, priority, state, not_before, waits)"
        f" SELECT {COPIED}, 'x' || c.n, c.n % 3, state, not_before + (c.n % 4 = 0) * 1e6,"
        " c.n % 5 = 0 FROM task, c WHERE id = ?",
        (first, last, task_id(1)),
    )
    database.execute("UPDATE task SET kind = 'review' WHERE number % 7 = 0")
    database.execute("UPDATE task SET grp = 'office' WHERE number % 11 = 0")
    database.execute("UPDATE task SET addressee = 'moe' WHERE number % 13 = 0")


def steps_of_a_claim(database: sqlite3.Connection) -> int:
    """What it costs to take the next of what `larry` may do."""
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return 0

    database.set_progress_handler(counted, STEP)
    try:
        known = tables(database)
        task = known.claim("larry", "lab", ["research", "review"], NOON + 5)
        known.flush()
    finally:
        database.set_progress_handler(None, STEP)
    assert task is not None
    return count


async def test_a_claim_costs_the_same_however_many_wait(store: SqliteStore) -> None:
    await submitted(store.work, 1)
    await store.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        fill(database, 1, 100)
        few = steps_of_a_claim(database)
        fill(database, 101, 20_000)
        many = [steps_of_a_claim(database) for _ in range(50)]
    assert max(many) <= few * 1.5


class Recorded(SqliteStatements):
    """Statements that are remembered, with how SQLite would carry out each."""

    def __init__(self, database: sqlite3.Connection) -> None:
        super().__init__(database)
        self.plans: dict[str, list[str]] = {}

    def run(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        self._plan(statement, values)
        return super().run(statement, values)

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._plan(statement, rows[0])
        super()._many(statement, rows)

    def _plan(self, statement: str, values: Sequence[Any]) -> None:
        plan = self._database.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        self.plans[statement] = [detail for *_, detail in plan]


WHOLE = ("count(*) FROM task WHERE ended IS NULL GROUP BY", "SELECT number, id")
"""What may look at all rows of an index: the figures' sum over what is open, and a page that
nothing narrows."""


async def test_no_call_looks_through_all_tasks(store: SqliteStore) -> None:
    await keep(store.work, blob("x"))
    await store.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        recorded = Recorded(database)
        known = SqlWorkTables(recorded)
        for number in (1, 2, 3):
            after = (task_id(1),) if number == 3 else ()
            task_calls.submit(known, asked(number, input=(blob("x"),), after=after), NOON)
        task = known.claim("larry", "lab", ["research"], NOON)
        assert task is not None
        task_calls.renew(known, task.id, "larry", 1, 5, NOON)
        board_calls.may_read(known, "larry", "lab", blob("y").digest, NOON)
        board_calls.may_use_board(known, "larry", "lab", task.context, NOON)
        end = task_calls.End("larry", 1, TaskState.COMPLETED, (blob("x"),), None)
        task_calls.finish(known, task.id, end, NOON)
        task_calls.expire(known, NOON + 9e6, 100)
        task_calls.acknowledge(known, "agent:boss", [task.id])
        known.untold("agent:boss", 10)
        known.changed(None, 0, 10)
        known.offered("larry", "lab", ["research"], NOON, 10)
        known.counts(NOON)
        known.unapproved("agent:boss")
        board_calls.forget_blobs(known, NOON + 9e6, 10)
        task_calls.forget(known, NOON + 9e9)
        known.flush()
    assert len(recorded.plans) > 40
    scans = [
        f"{statement}: {detail}"
        for statement, plan in recorded.plans.items()
        for detail in plan
        if detail.startswith(("SCAN task", "SCAN t", "SCAN blob", "SCAN work_read"))
        and not any(word in statement for word in WHOLE)
    ]
    assert scans == []


async def test_calls_at_the_same_time_share_transactions(store: SqliteStore) -> None:
    assert store._database is not None
    commits: list[str] = []
    store._database.set_trace_callback(lambda s: commits.append(s) if s == "COMMIT" else None)
    await asyncio.gather(*(store.work.submit(asked(n), NOON) for n in range(200)))
    assert len(commits) < 40, "not one for each"


class Counted(SqliteStatements):
    """Statements that are counted; a set of rows, and of questions, is one."""

    count = 0

    def run(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        Counted.count += 1
        return super().run(statement, values)

    def ask(self, questions: Sequence[Question]) -> list[list[tuple[Any, ...]]]:
        before = Counted.count
        answers = super().ask(questions)
        Counted.count = before + 1
        return answers

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        Counted.count += 1
        super()._many(statement, rows)


async def test_calls_at_the_same_time_share_statements(store: SqliteStore) -> None:
    def counted(database: sqlite3.Connection) -> SqlWorkTables:
        return SqlWorkTables(Counted(database))

    work = TransactionalWork(
        SharedTransactions(counted, sqlite3.Error, store._write_soon, store._read)
    )
    took = []
    for first, count in ((0, 2), (100, 40)):
        Counted.count = 0
        numbers = range(first, first + count)
        await asyncio.gather(*(work.submit(asked(n), NOON) for n in numbers))
        tasks = await asyncio.gather(
            *(work.claim(f"agent-{n}", "lab", ["research"], NOON) for n in numbers)
        )
        await asyncio.gather(*(ended(work, task) for task in tasks if task))
        took.append(Counted.count)
    few, many = took
    assert many <= few, "a context is opened but once"
    assert (await work.counts(NOON)).ended == {TaskState.COMPLETED: 42}


async def test_a_call_that_fails_half_way_leaves_nothing_and_spoils_no_other(
    store: SqliteStore,
) -> None:
    shared = SharedTransactions(tables, sqlite3.Error, store._write_soon, store._read)

    def half(tables: WorkTables) -> None:
        task_calls.submit(tables, asked(1), NOON)
        raise ValueError("half way")

    answers = await asyncio.gather(
        shared.write(half), store.work.submit(asked(2), NOON), shared.write(half),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(answer) for answer in answers] == [ValueError, tuple, ValueError]
    assert [task.id for task in (await store.work.tasks()).tasks] == [task_id(2)]
    assert await shared.read(lambda tables: tables.fill("lab")) == (1, 1)
    assert await shared.read(lambda tables: tables.context_tasks(CONTEXT)) == 1


@pytest.mark.parametrize("version", range(1, len(STEPS)))
async def test_a_store_of_every_earlier_version_takes_work(tmp_path: Path, version: int) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as database:
        for step in STEPS[:version]:
            database.executescript(step)
        database.execute(f"PRAGMA user_version = {version}")
    await works(home)


@pytest.mark.parametrize("release", sorted(path.name for path in HOMES.glob("*.tar.gz")))
async def test_the_store_of_an_earlier_release_takes_work(tmp_path: Path, release: str) -> None:
    await works(unpacked_home(release, tmp_path))


def unpacked_home(release: str, folder: Path) -> Path:
    with tarfile.open(HOMES / release) as tar:
        tar.extractall(folder, filter="data")
    [file] = folder.rglob(FILE_NAME)
    return file.parent


async def works(home: Path) -> None:
    store = SqliteStore(home)
    store.open()
    try:
        messages = (await store.history(limit=1000)).messages
        await submitted(store.work, 1)
        await ended(store.work, await claimed(store.work))
        await finish_upkeep(store, NOON)
        assert (await store.work.counts(NOON)).ended == {TaskState.COMPLETED: 1}
        kept = (await store.history(limit=1000)).messages
        assert [m for m in messages if m in kept] == kept
    finally:
        await store.close()
