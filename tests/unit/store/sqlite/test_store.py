"""What is SQLite's own: file, lock, schema, index, backup. The rest stands in tests/contract."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain.events import Event, Fact
from fleet.store.port import StoreError
from fleet.store.records import Batch, StoredEvent
from fleet.store.retention import DAY, Retention
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.backup import back_up
from fleet.store.sqlite.migrations import STEPS
from tests.support.stores import finish_upkeep, ids, stored
from tests.support.telemetry import NOON


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "home")
    store.open()
    yield store
    await store.close()


def rows(store: SqliteStore, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store.path)) as database:
        return database.execute(query).fetchall()


async def test_the_file_is_for_its_owner_alone(store: SqliteStore):
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


async def test_the_log_and_the_database_are_what_it_says_of_its_disk(store: SqliteStore):
    await store.commit(Batch([stored(n) for n in range(1, 2000)]))
    log = store.path.with_name(f"{FILE_NAME}-wal")
    usage = store.disk_usage()
    assert usage.files == {"database": store.path.stat().st_size, "log": log.stat().st_size}
    assert usage.files["log"] > 100_000
    assert usage.free is not None
    assert usage.free > 0
    await store.close()
    assert store.disk_usage().files["log"] == 0, "folded into the database"


# Opening


async def test_a_second_hub_in_one_home_is_refused(store: SqliteStore):
    with pytest.raises(StoreError, match="another hub"):
        SqliteStore(store.path.parent).open()


async def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path):
    (tmp_path / FILE_NAME).write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError, match="damaged"):
        store.open()
    await store.close()


async def test_a_newer_schema_is_refused(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("PRAGMA user_version = 999")
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreError, match="newer"):
        store.open()
    await store.close()


async def test_a_store_of_the_first_schema_opens_with_what_it_holds(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.executescript(f"{STEPS[0]}; PRAGMA user_version = 1;")
        database.executescript(
            "INSERT INTO agent VALUES (1, 'larry');"
            "INSERT INTO message VALUES (7, 1800000000.0, 1, 0, 0, x'7b7d');"
            "INSERT INTO command VALUES ('01J', 'larry', 'health-check', 'high', 60, 1800000000.0,"
            " 'cli', NULL, 'done', NULL, NULL, NULL, NULL);"
        )
    store = SqliteStore(tmp_path)
    assert store.open().last_id == 7
    (message,) = (await store.history(agent="larry")).messages
    assert (message.id, message.payload) == (7, b"{}")
    (command,) = await store.commands(agent=None, since=0, limit=10)
    assert (command.id, command.broadcast) == ("01J", None)
    await store.close()


# What the port does not show


async def test_events_are_kept_up_to_an_age_and_a_number(tmp_path: Path):
    store = SqliteStore(tmp_path, Retention(events=1, max_events=3))
    store.open()

    def event(id_: int, at: float = NOON) -> StoredEvent:
        firing = Fact.ALERT_FIRING
        return StoredEvent(id_, Event(firing, "moe", at, "late", Severity.WARNING, 2.5, "x"))

    await store.commit(Batch(events=[event(n) for n in range(1, 6)]))
    await finish_upkeep(store, NOON + DAY)
    assert rows(store, "SELECT * FROM event") == [
        (n, NOON, "alert-firing", "moe", "late", "warning", 2.5, "x") for n in (3, 4, 5)
    ]
    await store.commit(Batch(events=[event(6, NOON + 1)]))
    await finish_upkeep(store, NOON + DAY + 1)
    assert rows(store, "SELECT id FROM event") == [(6,)]
    await store.close()


async def test_the_index_shrinks_with_the_messages(tmp_path: Path):
    store = SqliteStore(tmp_path, Retention(raw=1))
    store.open()
    later = NOON + 3 * DAY
    await store.commit(Batch([stored(n) for n in range(1, 6)]))
    await store.commit(Batch([stored(6, at=later)], replay_from=6))
    await store.upkeep(NOON)
    assert rows(store, "SELECT count(*) FROM message_index") == [(6,)]
    await finish_upkeep(store, later + 3600)
    assert await ids(store) == [6]
    assert rows(store, "SELECT count(*) FROM message_index") == [(1,)]
    await store.close()


# Backup


async def test_a_backup_taken_while_serving_opens_as_a_store(store: SqliteStore, tmp_path: Path):
    await store.commit(Batch([stored(n) for n in range(1, 2000)]))
    target = tmp_path / "copy" / FILE_NAME
    target.parent.mkdir()
    await asyncio.gather(
        asyncio.to_thread(back_up, store.path, target),
        *(store.commit(Batch([stored(n)])) for n in range(2000, 2010)),
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = SqliteStore(target.parent)
    assert copy.open().last_id >= 1999
    await copy.close()


async def test_a_backup_to_nowhere_is_an_error_with_a_remedy(store: SqliteStore, tmp_path: Path):
    with pytest.raises(StoreError, match="Try:"):
        back_up(store.path, tmp_path / "missing" / "copy")
