"""A home's store that is moved away, and one that is made by a move; see `fleet.store.transfer`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.contract import trusted_path
from fleet.store.port import StoreError
from fleet.store.sqlite import moved
from fleet.store.sqlite.connection import (
    FILE_NAME,
    check,
    connect,
    read_meta,
    take_lock,
    transaction,
    unreadable,
    write_meta,
)
from fleet.store.sqlite.migrations import STEPS, known_version, migrate
from fleet.store.sqlite.restore import put_in_place
from fleet.store.sqlite.shapes import LAST, shapes
from fleet.store.sqlite.upkeep import enter_in_index
from fleet.store.transfer.shape import Row, Shape
from fleet.store.transfer.sides import Documents, KeptDocuments

T = TypeVar("T")

PART: Final = f"{FILE_NAME}.moving"
"""A store that is being made; the file gets its name when it is whole."""

OWN: Final = ("indexed_to", "letters", "last_id")
"""Numbers that only say what this database has done, or that are found another way."""


class SqliteSide:
    """One file, held alone.

    Args:
        kept: what services keep in this home beside the store.
    """

    def __init__(self, home: Path, file: Path, kept: KeptDocuments, lock: int | None) -> None:
        self.name = str(home)
        self.home, self.file, self.kept = home, file, kept
        self._lock = lock
        self._open: sqlite3.Connection | None = None

    @property
    def database(self) -> sqlite3.Connection:
        if self._open is None:
            raise StoreError("the store is closed")
        return self._open

    def connect(self, begin: Callable[[sqlite3.Connection], None]) -> None:
        """Open the file, and `begin` with it."""
        try:
            self._open = connect(self.file)
            begin(self._open)
        except sqlite3.DatabaseError as error:
            raise unreadable(self.file, error) from None

    def count(self, shape: Shape) -> int:
        (number,) = self._ask(f"SELECT count(*) FROM {shape.table}")[0]  # noqa: S608 - our own names
        return int(number)

    def rows(self, shape: Shape, after: Row | None, limit: int) -> list[Row]:
        key = _list(shape.key)
        where = f"WHERE ({key}) > ({_marks(shape.key)})" if after else ""
        query = f"SELECT {_list(shape.names)} FROM {shape.table} {where} ORDER BY {key} LIMIT ?"  # noqa: S608 - our own names
        return shape.canonical(self._ask(query, (*(after or ()), limit)))

    def numbers(self) -> dict[str, int]:
        found = {name: value for name, value in self._ask("SELECT name, value FROM meta") if value}
        last = [found.get("last_id", 0)]
        for table in ("message", "dead_letter", "event"):
            last += [value or 0 for (value,) in self._ask(f"SELECT max(id) FROM {table}")]  # noqa: S608 - our own names
        return {n: v for n, v in found.items() if n not in OWN} | {"last_id": max(last)}

    def documents(self) -> Documents:
        return self.kept.read()

    def close(self) -> None:
        if self._open is not None:
            with suppress(sqlite3.Error):
                self._open.close()
            self._open = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _ask(self, query: str, values: Any = ()) -> list[Row]:
        try:
            return self.database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise unreadable(self.file, error) from None


class SqliteSource(SqliteSide):
    """The store of a home, brought to the newest schema first."""

    def begin(self) -> None:
        def begin(database: sqlite3.Connection) -> None:
            check(database, self.file)
            migrate(database)

        self.connect(begin)

    def require_at_rest(self) -> None:
        """It is: the lock is held."""

    def leave(self, to: str) -> None:
        moved.write_note(self.home, to)


class SqliteView(SqliteSide):
    """The store of a home, only to be looked at: also an older schema stays as it is.

    Attributes:
        is_new: whether its schema is the newest.
    """

    is_new = False

    def begin(self) -> None:
        def begin(database: sqlite3.Connection) -> None:
            database.execute("PRAGMA query_only = ON")
            self.is_new = known_version(database) == len(STEPS)

        self.connect(begin)
        known = {name for (name,) in self._ask("SELECT name FROM sqlite_master")}
        self._missing = {shape.table for shape in shapes()} - known

    def require_empty(self) -> None:
        """
        Raises:
            StoreError: a hub has written to it.
        """
        for shape in shapes():
            if shape.table != "work_total" and self.count(shape):
                raise StoreError(
                    f"the store of {self.home} is not empty",
                    f"there are rows in {shape.table}, and they are not those of the database",
                    f"mv {self.file} {self.file}.old, if nobody wants it",
                )

    def count(self, shape: Shape) -> int:
        return 0 if shape.table in self._missing else super().count(shape)


class SqliteTarget(SqliteSide):
    """A new file beside the home's store, whose place it takes at the end."""

    def begin(self) -> None:
        trusted_path.require(self.file)
        os.close(trusted_path.open_file(self.file, os.O_CREAT | os.O_RDWR))
        self.connect(migrate)
        # The end has all on the disk; until then what is lost is copied again.
        self.database.execute("PRAGMA synchronous = NORMAL")

    def last_key(self, shape: Shape) -> Row | None:
        order = ", ".join(f'"{name}" DESC' for name in shape.key)
        query = f"SELECT {_list(shape.key)} FROM {shape.table} ORDER BY {order} LIMIT 1"  # noqa: S608 - our own names
        return next(iter(self._ask(query)), None)

    def append(self, shape: Shape, rows: list[Row]) -> None:
        query = f"INSERT INTO {shape.table} ({_list(shape.names)}) VALUES ({_marks(shape.names)})"  # noqa: S608 - our own names

        def append(database: sqlite3.Connection) -> None:
            database.executemany(query, rows)
            if shape.table == LAST:
                done = read_meta(database, "indexed_to")
                enter_in_index(database, done, shape.key_of(rows[-1])[0])

        transaction(self.database, append)

    def clear(self, shape: Shape) -> None:
        def clear(database: sqlite3.Connection) -> None:
            database.execute(f"DELETE FROM {shape.table}")  # noqa: S608 - our own names
            if shape.table == LAST:
                database.execute("DELETE FROM message_index")
                write_meta(database, "indexed_to", 0)

        transaction(self.database, clear)

    def finish(self, numbers: dict[str, int], documents: Documents) -> None:
        def finish(database: sqlite3.Connection) -> None:
            for name, value in numbers.items():
                write_meta(database, name, value)

        self.database.execute("PRAGMA synchronous = FULL")
        transaction(self.database, finish)
        self.kept.write(documents)
        self.database.execute("PRAGMA optimize")
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.database.close()
        self._open = None
        put_in_place(self.file, self.home)
        folder = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        moved.remove_note(self.home)


def locked(home: Path) -> int:
    """The lock of a home whose store is moved.

    Raises:
        StoreError: a hub serves it, or another move is at work.
    """
    trusted_path.make_folder(home)
    try:
        return take_lock(home / "hub.lock")
    except StoreError as error:
        if "another hub" not in error.what:
            raise
        raise StoreError(
            f"a hub serves {home}, or a move is at work there",
            "a store is moved at rest",
            "stop it (systemctl stop fleet, or Ctrl-C), then the same again; agents keep"
            " what they have to say",
        ) from None


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _marks(names: tuple[str, ...]) -> str:
    return ", ".join("?" * len(names))
