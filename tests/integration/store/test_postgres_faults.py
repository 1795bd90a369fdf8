"""A real PostgreSQL that ends, hangs, runs full and is dumped: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl
from fleet.settings import load
from fleet.store.open import back_up, hub_store, put_back, read_only
from fleet.store.port import StoreError, StoreFullError, StoreUnavailableError
from fleet.store.postgres import PostgresStore, connection
from fleet.store.postgres.connection import Database, InDoubtError
from fleet.store.records import Batch, DeadLetter
from tests.support import postgres
from tests.support.stores import PostgresPlace, ids, stored
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

pytestmark = postgres.needs_postgres


@pytest.fixture
def place(tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(tmp_path)


async def test_a_server_that_ends_again_and_again_loses_and_doubles_nothing(
    place: PostgresPlace,
) -> None:
    store = place.store()
    store.open()
    refused = 0

    written = 0
    done = False

    async def write() -> None:
        nonlocal refused, written
        while not done:
            batch = Batch([stored(written + 1)])
            try:
                await store.commit(batch)
                written += 1
            except StoreUnavailableError:
                refused += 1
                await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    for times in range(1, 5):
        await eventually(lambda times=times: written >= 20 * times, what="writing between two ends")
        before = refused
        await asyncio.to_thread(place.server.crash)
        await eventually(lambda before=before: refused > before, what="a write that was refused")
        await asyncio.to_thread(place.server.start)
    done = True
    await writing
    assert await ids(store, limit=10_000) == list(range(1, written + 1))
    await store.close()


async def test_a_batch_whose_end_nobody_heard_is_there_once(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place.store()
    store.open()
    whole = store._database.transaction

    def cut(*given: Any) -> Any:
        whole(*given)
        raise InDoubtError("the connection broke")

    batch = Batch([stored(1), stored(2, "moe")], [DeadLetter(3, NOON, "x", b"", False, "r", "")])
    with monkeypatch.context() as patched:
        patched.setattr(store._database, "transaction", cut)
        with pytest.raises(StoreUnavailableError):
            await store.commit(batch)
    await store.commit(batch)
    assert await ids(store) == [1, 2]
    assert len(await store.dead_letters(before=None, limit=9)) == 1
    with pytest.raises(StoreError, match="does not grow"):
        await store.commit(batch)
    await store.commit(Batch([stored(4, "moe")]))
    assert await ids(store, agent="moe") == [2, 4]
    await store.close()


async def test_a_server_that_hangs_is_given_up_and_believed_again(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENT", 0.6)
    monkeypatch.setattr(connection, "PATIENCE", 2.0)
    store = place.store()
    store.open()
    await store.commit(Batch([stored(1)]))
    everybody = [place.server.pid, *_children(place.server.pid)]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    batch = Batch([stored(2)])
    try:
        with pytest.raises(StoreUnavailableError):
            await store.commit(batch)
    finally:
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
    await eventually(lambda: _taken(store, batch), what="the batch")
    assert await ids(store) == [1, 2]
    await store.close()


async def _taken(store: PostgresStore, batch: Batch) -> bool:
    try:
        await store.commit(batch)
    except StoreUnavailableError:
        return False
    return True


def _children(pid: int) -> list[int]:
    said = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    return [int(line) for line in said.stdout.split()]


@pytest.fixture
def small_disk(place: PostgresPlace) -> Iterator[Path]:
    """A tmpfs of 24 MB on which the place's database lies."""
    folder = place.server.folder / f"disk-{place.name}"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs needs root")
    postgres.hand_over(folder)
    folder.chmod(0o700)
    place.server.run(f"CREATE TABLESPACE {{}} LOCATION '{folder}'", f"small_{place.name}")
    place.server.run("ALTER DATABASE {} SET TABLESPACE {}", place.name, f"small_{place.name}")
    yield folder
    place.server.stop()
    subprocess.run(["umount", "-l", str(folder)], check=True)
    place.server.start()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


async def test_a_real_disk_that_is_full_takes_the_batch_once_there_is_room(
    place: PostgresPlace, small_disk: Path
) -> None:
    store = place.store()
    store.open()
    await store.commit(Batch([stored(1)]))
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        _fill(ballast)
    large = Batch([stored(n)._replace(payload=os.urandom(3000)) for n in range(2, 1500)])
    for _ in range(2):
        with pytest.raises(StoreFullError):
            await store.commit(large)
    assert await ids(store) == [1]
    ballast.unlink()
    await store.commit(large)
    assert len(await ids(store, limit=2000)) == 1499
    await store.close()


async def test_what_a_backup_says_saves_and_brings_back_the_store(
    place: PostgresPlace, tmp_path: Path
) -> None:
    settings = load({"home": str(tmp_path / "home")}, {"FLEET_STORE": str(place.url)})
    store = hub_store(settings)
    assert store.leadership
    store.leadership.acquire()
    store.open()
    await store.commit(Batch([stored(n, f"agent-{n % 3}") for n in range(1, 300)]))
    with pytest.raises(ConfigError) as save:
        back_up(settings, tmp_path / "copy")
    _run(save.value.remedy, tmp_path)
    await store.commit(Batch([stored(300)]))
    await store.close()
    with pytest.raises(ConfigError) as restore:
        put_back(settings, tmp_path / "copy")
    _run(restore.value.remedy, tmp_path)
    place._run("UPDATE leader_leases SET expires = '-infinity'")  # as it is, a while later
    async with read_only(settings) as reader:
        assert await ids(reader, limit=1000) == list(range(1, 300))
        assert await ids(reader, agent="agent-1", limit=2) == [1, 4]
    again = hub_store(settings)
    assert again.leadership
    again.leadership.acquire()
    assert again.open().last_id == 299
    await again.commit(Batch([stored(300, "agent-1")]))
    await again.close()


def _run(line: str, folder: Path) -> None:
    subprocess.run(shlex.split(line), cwd=folder, check=True, capture_output=True)


async def test_a_database_that_forgets_what_it_acknowledged_is_refused(
    place: PostgresPlace,
) -> None:
    place.server.run("ALTER DATABASE {} SET synchronous_commit = off", place.name)
    store = place.store()
    with pytest.raises(StoreError, match=r"synchronous_commit is off\nTry: ALTER DATABASE"):
        store.open()
    await store.close()


async def test_a_store_of_a_newer_fleet_is_left_alone(place: PostgresPlace) -> None:
    place._run("UPDATE fleet_schema SET version = 99")
    store = place.store()
    with pytest.raises(StoreError, match=r"newer fleet: its schema is 99.*\nTry: upgrade"):
        store.open()
    await store.close()


async def test_a_month_goes_as_one_partition_and_an_empty_one_is_dropped(
    place: PostgresPlace,
) -> None:
    month = 31 * 86_400.0
    store = place.store()
    store.open()
    await store.commit(Batch([stored(n, at=NOON + n * month / 9) for n in range(1, 30)]))
    tables = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'message'::regclass"
    [(before,)] = place.server.run(tables, database=place.name)
    assert before == 4
    await store.commit(Batch(records=[("larry", 29, {})], replay_from=29))
    while await store.upkeep(NOON + 29 * month / 9 + 7200):
        pass
    [(after,)] = place.server.run(tables, database=place.name)
    assert after == 1
    assert (await ids(store))[0] > 20
    await store.close()


def test_why_there_is_no_connection_is_told(place: PostgresPlace) -> None:
    database = Database(StoreUrl.parse(place.server.address("nowhere")))
    store = PostgresStore(database)
    with pytest.raises(
        StoreUnavailableError,
        match=r'database "nowhere" does not exist \(SQLSTATE 3D000\)\nTry: createdb',
    ):
        store.open()
    asyncio.run(store.close())
