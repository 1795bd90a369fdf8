"""The kinds of store that the contract tests run over, and a store that fails on demand."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from fleet.contract.store_url import StoreUrl
from fleet.contract.vocabulary import MessageKind
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.store.port import Store, StoreError, StoreFullError, StoreReader
from fleet.store.postgres import PostgresStore
from fleet.store.postgres.connection import Database
from fleet.store.records import Batch, StoredMessage
from fleet.store.retention import Retention
from fleet.store.sqlite import SqliteStore
from tests.support import postgres
from tests.support.telemetry import NOON

BEAT, STATUS, ALERT = MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT


def stored(
    id_: int, agent: str = "larry", kind: MessageKind = BEAT, at: float = NOON
) -> StoredMessage:
    return StoredMessage(id_, at, agent, kind, False, b'{"ok":true,"ts":"2027-01-15T08:00:00Z"}')


async def ids(store: StoreReader, **wanted: Any) -> list[int]:
    """Of the messages on one page of history."""
    return [message.id for message in (await store.history(**wanted)).messages]


async def finish_upkeep(store: Store, now: float) -> None:
    while await store.upkeep(now):
        pass


class Place(Protocol):
    """Where stores of one kind keep what they are given; a new implementation adds one."""

    def __init__(self, folder: Path) -> None: ...

    def store(self, retention: Retention | None = None) -> Store:
        """A store on this place, not yet open; what an earlier one kept is there."""
        ...

    def after_a_crash(self) -> Place:
        """This place as a power cut would leave it now, whoever has it open."""
        ...

    def full(self, store: Store) -> contextlib.AbstractContextManager[None]:
        """Entered, the disk below the open `store` has no room for a large batch."""
        ...


class InMemoryPlace:
    def __init__(self, folder: Path) -> None:
        self.database = InMemoryDatabase()

    def store(self, retention: Retention | None = None) -> InMemoryStore:
        return InMemoryStore(self.database, retention)

    def after_a_crash(self) -> InMemoryPlace:
        place = InMemoryPlace(Path())
        place.database = copy.deepcopy(self.database)
        return place

    @contextlib.contextmanager
    def full(self, store: Store) -> Iterator[None]:
        self.database.full = True
        yield
        self.database.full = False


class SqlitePlace:
    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"

    def store(self, retention: Retention | None = None) -> SqliteStore:
        return SqliteStore(self.home, retention)

    def after_a_crash(self) -> SqlitePlace:
        crashed = SqlitePlace(Path(tempfile.mkdtemp(dir=self.home.parent)))
        shutil.copytree(self.home, crashed.home)
        return crashed

    @contextlib.contextmanager
    def full(self, store: Store) -> Iterator[None]:
        assert isinstance(store, SqliteStore)
        assert store._database
        (pages,) = store._database.execute("PRAGMA page_count").fetchone()
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        yield
        store._database.execute("PRAGMA max_page_count = 4294967294")


class PostgresPlace:
    """A database of the server that all tests of a process share."""

    def __init__(self, folder: Path) -> None:
        if not postgres.POSTGRES:
            pytest.skip("PostgreSQL is not installed")
        self.server = postgres.shared_server()
        self.name = postgres.new_name()
        self.server.create(self.name)

    @property
    def url(self) -> StoreUrl:
        return StoreUrl.parse(self.server.address(self.name))

    def store(self, retention: Retention | None = None) -> PostgresStore:
        return PostgresStore(Database(self.url), retention)

    def after_a_crash(self) -> PostgresPlace:
        """The server ends at once and recovers; what it has then, a copy keeps."""
        self.server.crash()
        self.server.start()
        crashed = copy.copy(self)
        crashed.name = postgres.new_name()
        self.server.copy(self.name, crashed.name)
        return crashed

    @contextlib.contextmanager
    def full(self, store: Store) -> Iterator[None]:
        """The server says what it says of a full disk; `test_a_full_disk.py` fills a real one."""
        self._run(
            "CREATE FUNCTION full_disk() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
        )
        for table in ("dead_letter", "command", "task"):
            self._run(
                f"CREATE TRIGGER full_disk AFTER INSERT ON {table} EXECUTE FUNCTION full_disk()"
            )
        yield
        self._run("DROP FUNCTION full_disk CASCADE")

    def _run(self, text: str) -> None:
        self.server.run(text, database=self.name)


PLACES: dict[str, type[Place]] = {
    "memory": InMemoryPlace,
    "sqlite": SqlitePlace,
    "postgres": PostgresPlace,
}


class FaultyStore(SqliteStore):
    """Set `full`, `broken` or clear `gate` to let commits fail or wait; else a real store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.full = False
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts = 0

    async def commit(self, batch: Batch) -> None:
        self.attempts += 1
        await self.gate.wait()
        if self.full:
            raise StoreFullError("the store's disk is full")
        if self.broken:
            raise StoreError("the store refused a write")
        await super().commit(batch)
