"""The database of a sidecar: what must survive kill -9 and a power cut, one commit for all of it.

SQLite in WAL mode with a sync on each commit. A sync is the dearest thing that a sidecar does, so
the ids of several commands and their replies share one; and what may be done twice without harm,
such as to forget a row that the hub has, waits for the next.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from fleet.contract.errors import FleetError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    rank INTEGER NOT NULL, retain INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE (boot, seq)
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


log = logging.getLogger(__name__)

SMALLEST: Final = 512
"""Bytes of the smallest page: SQLite takes what is smaller for a new file, and says nothing."""


class Table(Protocol):
    """One concern that keeps something in the database, and in memory until it is there."""

    @property
    def waits(self) -> bool:
        """Whether memory holds something that is not written."""
        ...

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what only memory holds; it may have to be done again."""
        ...

    def ended(self, written: bool) -> None:
        """All that was put since the last time is on disk now, or undone."""
        ...


class Database:
    """One process at a time opens it (see `lock`).

    Attributes:
        failures: writes that the disk refused.
    """

    def __init__(self, path: Path) -> None:
        self.failures = 0
        self.connection = _open(path)
        self._tables: list[Table] = []

    def join(self, table: Table) -> None:
        self._tables.append(table)

    def write(self) -> bool:
        """Have everything on disk; False if the disk refuses."""

        def change() -> None:
            for table in self._tables:
                table.write(self.connection)
            self.connection.commit()

        written = self.stage(change)
        if written:
            self._tell(True)
        return written

    def stage(self, change: Callable[[], object]) -> bool:
        """Do what the next `write` makes last; a crash before that undoes it."""
        try:
            change()
        except sqlite3.Error:
            self.failures += 1
            self.connection.rollback()
            self._make_room()
            self._tell(False)
            return False
        return True

    @property
    def staged(self) -> bool:
        """Whether something waits for the next `write`."""
        return self.connection.in_transaction or any(table.waits for table in self._tables)

    def settle(self) -> None:
        """Write what is staged, if anything is: for a moment when nobody waits."""
        if self.staged:
            self.write()

    def number(self, query: str, *values: object) -> int:
        return int(self.connection.execute(query, values).fetchone()[0])

    def close(self) -> None:
        self.write()
        self.connection.close()

    def _tell(self, written: bool) -> None:
        for table in self._tables:
            table.ended(written)

    def _make_room(self) -> None:
        """The log of SQLite may be what fills a small disk; folded into the file, it is empty."""
        with suppress(sqlite3.Error):
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _open(path: Path) -> sqlite3.Connection:
    """The database; one that is damaged is put aside (`.damaged`) rather than trusted.

    Raises:
        FleetError: it cannot be opened or made.
    """
    try:
        if path.is_file() and 0 < path.stat().st_size < SMALLEST:
            _put_aside(path, "it was cut")
        try:
            return _connect(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            _put_aside(path, str(error))
            return _connect(path)
    except (sqlite3.Error, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        remedy = f"df -h {path.parent}; ls -ld {path}"
        raise FleetError(f"the outbox {path} cannot be opened", why, remedy) from None


def _put_aside(path: Path, why: str) -> None:
    aside = path.with_suffix(".damaged")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    log.error("%s is damaged (%s): it is %s now, what waited in it is lost", path, why, aside.name)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0)
    try:
        path.chmod(0o600)
        database.execute("PRAGMA cache_size = -256")  # KiB: the outbox is read once, in order
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 128")  # pages of 4 KiB: small disks exist
        database.execute("PRAGMA journal_size_limit = 524288")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
