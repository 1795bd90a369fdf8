"""Opening the file, holding it alone, and one transaction at a time."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from fleet.contract import trusted_path
from fleet.store.port import StoreError, StoreFullError

T = TypeVar("T")

FILE_NAME: Final = "fleet.sqlite3"

BUSY: Final = 10_000
"""ms to wait for another process, such as a backup tool, that holds the file."""

_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}


def connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in (
        f"busy_timeout = {BUSY}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "journal_size_limit = 67108864",  # bytes: a burst must not leave a huge log behind
        "temp_store = MEMORY",
    ):
        try:
            database.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            database.close()
            raise
    return database


def transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do `work` whole or not at all, whatever ends it."""
    try:
        database.execute("BEGIN IMMEDIATE")
        result = work(database)
        database.execute("COMMIT")
        return result
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in _FULL:
            raise StoreFullError("the store's disk is full", str(error), "free space") from None
        raise StoreError("the store refused a write", str(error), "df -h; then restart") from None
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def close(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA optimize")
    database.close()


def take_lock(path: Path) -> int:
    """One hub a home: two would each believe that the other's messages were lost."""
    try:
        lock = trusted_path.open_file(path, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise StoreError(
            f"{path.parent} cannot be written", error.strerror or "", f"ls -ld {path.parent}"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(
            f"another hub uses {path.parent}", "its lock is held", "stop it, or set FLEET_HOME"
        ) from None
    return lock


def check(database: sqlite3.Connection, path: Path) -> None:
    """
    Raises:
        StoreError: the file is damaged.
    """
    try:
        (word,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except UnicodeDecodeError:  # in SQLite's own complaint, of a name in the schema
        raise damaged(path, "what stands in it is no text") from None
    if word != "ok":
        raise damaged(path, word)


def damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"the store {path} is damaged", why, "restore a backup, or move the file away to start anew"
    )


def unreadable(path: Path, error: sqlite3.Error) -> StoreError:
    """What to say of a store that did not answer: one that is damaged, or a disk that is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_ERROR:  # no such table, no such column
        return damaged(path, f"it is none of this version: {error}")
    remedy = f"df -h {path.parent}; ls -l {path}"
    return StoreError(f"the store {path} cannot be read", str(error), remedy)


def write_meta(database: sqlite3.Connection, name: str, value: int) -> None:
    """Write a number that the store keeps about itself."""
    database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def read_meta(database: sqlite3.Connection, name: str) -> int:
    """A number that the store keeps about itself, 0 if it was never written."""
    row = database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0
