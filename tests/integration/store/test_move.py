"""A store moved into a real PostgreSQL and back: whole, and whatever comes between."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError, FleetError
from fleet.settings import load
from fleet.store import open as doors
from fleet.store.move import Moved, into_database, into_home
from fleet.store.port import Store, StoreError
from fleet.store.postgres.connection import Database
from fleet.store.postgres.lease import Lease
from fleet.store.records import Batch
from fleet.store.retention import Retention
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.shapes import shapes
from tests.support import postgres
from tests.support.full_store import fill, history, move_of, outbox
from tests.support.stores import PostgresPlace, stored
from tests.support.telemetry import NOON
from tests.support.work import CONTEXT

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(180)]

MESSAGES = 1500


class World:
    """A home with a store in which every table has rows, and an empty database."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.place = PostgresPlace(folder)
        self.server, self.name = self.place.server, postgres.new_name()
        self.server.run("CREATE DATABASE {}", self.name)
        self.place.name = self.name
        self.url = self.place.url
        self.move = move_of(self.home, self.url)

    async def filled(self) -> World:
        store = SqliteStore(self.home, Retention(raw=999.0))
        store.open()
        await fill(store, MESSAGES)
        await store.close()
        outbox(self.home)
        return self

    def database(self) -> Store:
        return self.place.store()

    def sql(self, text: str) -> list[tuple[object, ...]]:
        return self.server.run(text, database=self.name)

    def killed(self, direction: str, step: int) -> bool:
        """Move in another process, which is killed at that step; whether it came so far."""
        argv = [sys.executable, "-m", "tests.support.full_store", direction, str(self.home),
                str(self.url), str(step)]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return await World(tmp_path).filled()


def tables(moved: Moved) -> dict[str, tuple[int, str]]:
    return {one.name: (one.rows, one.digest) for one in moved.tables}


async def told(store: Store) -> list[object]:
    """What a store answers to whoever asks."""
    state = store.open()
    page = await store.history(limit=10_000)
    hours = await store.rollups(limit=10_000)
    answers = [
        state, page, hours.rollups, await store.history(agent="moe", limit=10_000),
        await store.newest(until=NOON - 86_400 * 99, limit=7),
        [(one.id, one.payload) for one in await store.dead_letters(before=None, limit=9)],
        await store.commands(agent=None, since=0, limit=9), await store.work.tasks(),
        await store.work.board(CONTEXT), await store.work.counts(NOON),
        await store.work.reads(), list(store.replay(MESSAGES - 9)),
    ]  # fmt: skip
    await store.close()
    return answers


async def test_all_of_it_goes_there_and_back_and_is_the_same(world: World) -> None:
    before = await told(SqliteStore(world.home))
    there = into_database(world.move)
    assert tables(there).keys() == {shape.table for shape in shapes()}
    empty = {name for name, (rows, _) in tables(there).items() if not rows}
    assert empty == set(), "a table without a row proves nothing"
    assert await told(world.database()) == before
    months = world.sql("SELECT count(*) FROM month_of_messages WHERE bytes > 0")
    assert months == [(13,)]
    (world.home / "routes" / "oncall.json").unlink()
    back = into_home(world.move)
    assert tables(back) == tables(there)
    assert await told(SqliteStore(world.home)) == before
    assert (world.home / "routes" / "oncall.json").read_text() == '{"waiting": ["sp\\u00e4h"]}'
    assert (world.home / f"{FILE_NAME}.before").exists(), "what was moved first is kept"
    with closing(sqlite3.connect(world.home / FILE_NAME)) as database:
        assert database.execute("SELECT count(*) FROM message_index").fetchone()[0] > MESSAGES


async def test_a_store_goes_on_where_it_was(world: World) -> None:
    """Ids, tasks and partitions that come later find their place."""
    into_database(world.move)
    store = world.database()
    state = store.open()
    await store.commit(Batch([stored(state.last_id + 1, "moe", at=NOON + 40 * 86_400)]))
    [task] = [task for task in (await store.work.tasks()).tasks if task.holder == "larry"]
    await store.work.renew(task.id, "larry", task.epoch, 50, NOON + 2)
    await store.work.log_reads([])
    await store.close()
    into_home(world.move)
    again = SqliteStore(world.home)
    assert again.open().last_id == state.last_id + 1
    assert (await again.work.get(task.id)).progress == 50
    await again.close()


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_a_move_that_is_killed_goes_on(world: World, direction: str) -> None:
    call = into_database
    before = await told(SqliteStore(world.home))
    if direction == "back":
        into_database(world.move)
        call = into_home
    for step in (1, 15, 33, 60):
        assert world.killed(direction, step), f"step {step} is behind the end"
        if direction == "back":
            world.sql("UPDATE leader_leases SET expires = '-infinity'")  # 15 s later
    store = SqliteStore(world.home) if direction == "back" else world.database()
    moved = call(world.move)
    assert sum(one.rows for one in moved.tables) > MESSAGES
    assert await told(store) == before
    assert call(world.move) == Moved(), "said again, nothing is left to do"


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_one_that_is_killed_before_its_last_word_was_made(
    world: World, direction: str
) -> None:
    call = into_database
    if direction == "back":
        into_database(world.move)
        call = into_home
    assert world.killed(direction, 0)
    if direction == "back":
        world.sql("UPDATE leader_leases SET expires = '-infinity'")
    assert call(world.move) == Moved()
    with pytest.raises(StoreError, match="was moved"):
        doors.hub_store(load({"home": str(world.home)}, {})) if direction == "there" else (
            world.database().open()
        )


async def test_what_a_hub_did_between_two_runs_is_moved_too(world: World) -> None:
    assert world.killed("there", 60)
    store = SqliteStore(world.home)
    state = store.open()
    batch = Batch(history(30, state.last_id + 1), renamed=[("moe", "curly")])
    await store.commit(batch)
    await store.close()
    before = await told(SqliteStore(world.home))
    into_database(world.move)
    assert await told(world.database()) == before


async def test_no_hub_opens_what_is_not_whole_or_was_moved(world: World) -> None:
    assert world.killed("there", 5)
    with pytest.raises(StoreError, match=r"a move into this store is not finished.*\nTry: "):
        world.database().open()
    with pytest.raises(StoreError, match="not finished"):
        Lease(Database(world.url)).acquire()
    into_database(world.move)
    settings = load({"home": str(world.home)}, {})
    with pytest.raises(StoreError, match=r"was moved to postgresql.*\nTry: FLEET_STORE="):
        doors.hub_store(settings)
    with pytest.raises(StoreError, match="was moved"):
        doors.back_up(settings, world.home.parent / "copy")
    into_home(world.move)
    doors.hub_store(settings)
    with pytest.raises(StoreError, match=r"this store was moved away.*\nTry: "):
        world.database().open()
    with pytest.raises(StoreError, match=r"was moved into this home.*\nTry: "):
        into_database(world.move)


async def test_a_dry_run_changes_nothing_and_refuses_what_a_move_would(world: World) -> None:
    dry = replace(world.move, dry=True)
    before = (world.home / FILE_NAME).read_bytes()
    assert into_database(dry).rows["message"] == MESSAGES
    assert world.sql("SELECT count(*) FROM pg_class WHERE relname LIKE '%message%'") == [(0,)]
    assert (world.home / FILE_NAME).read_bytes() == before
    into_database(world.move)
    assert into_home(dry).rows["message"] == MESSAGES
    assert not (world.home / f"{FILE_NAME}.moving").exists()
    world.database().open()


# What is refused


async def test_a_hub_on_either_side_is_named(world: World) -> None:
    store = SqliteStore(world.home)
    store.open()
    for move in (world.move, replace(world.move, dry=True)):
        with pytest.raises(StoreError, match=r"a hub serves .*\nTry: stop it"):
            into_database(move)
    await store.close()
    lease = Lease(Database(world.url), holder="host/1/x")
    lease.acquire()
    with pytest.raises(StoreError, match=r"host/1/x leads on .*\nTry: stop every hub"):
        into_database(world.move)
    lease.release()
    into_database(world.move)
    lease.acquire()
    for move in (world.move, replace(world.move, dry=True)):
        with pytest.raises(StoreError, match=r"host/1/x leads on .*\nTry: stop every hub"):
            into_home(move)
    lease.release()
    into_home(world.move)


async def test_what_belongs_to_somebody_else_is_not_written_over(world: World) -> None:
    strange = PostgresPlace(world.home)
    move = replace(world.move, url=strange.url)
    other = strange.store()
    other.open()
    await other.commit(Batch([stored(1, "curly")]))
    await other.close()
    with pytest.raises(StoreError, match=r"is not empty.*not those of this home\nTry: "):
        into_database(move)
    with pytest.raises(StoreError, match=r"the store of .* is not empty.*\nTry: mv "):
        into_home(move)
    world.sql("CREATE TABLE task (name TEXT)")
    with pytest.raises(StoreError, match=r"the table task is not ours\nTry: "):
        into_database(world.move)
    assert world.sql("SELECT count(*) FROM task") == [(0,)]


async def test_a_move_of_another_home_is_left_to_it(world: World, tmp_path: Path) -> None:
    assert world.killed("there", 5)
    elsewhere = tmp_path / "elsewhere"
    store = SqliteStore(elsewhere)
    store.open()
    await store.close()
    with pytest.raises(StoreError, match=rf"belongs to a move of {world.home}"):
        into_database(move_of(elsewhere, world.url))


async def test_a_hub_that_wrote_while_the_move_slept_ends_it(world: World) -> None:
    into_database(world.move)

    def steal(what: str, _rows: int, _all: int) -> None:
        if what == "compare message":
            world.sql("UPDATE leader_leases SET holder = 'another', epoch = epoch + 1")

    with pytest.raises(StoreError, match=r"a hub wrote to .* meanwhile.*\nTry: "):
        into_home(replace(world.move, tell=steal))
    with pytest.raises(StoreError, match="was moved to"):
        doors.hub_store(load({"home": str(world.home)}, {}))


async def test_what_cannot_be_reached_or_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no store in .*\nTry: fleet serve"):
        into_database(move_of(tmp_path, world.url))
    away = replace(world.move, url=replace(world.url, text="postgresql://x@127.0.0.1:1/y"))
    with pytest.raises(FleetError, match=r"\nTry: "):
        into_database(away)
    with pytest.raises(StoreError, match="there is no store in postgresql"):
        into_home(world.move)
