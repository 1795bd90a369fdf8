"""Put a copy of the store back: checked first, whole or not at all, never under a running hub."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.store.port import StoreError
from fleet.store.sqlite.connection import FILE_NAME, check, take_lock, unreadable
from fleet.store.sqlite.migrations import STEPS

BEFORE: Final = "fleet.sqlite3.before"
"""What the store is called that a copy replaced."""

_PARTS: Final = ("", "-wal", "-shm")
"""A store's files. A log left beside another database would be applied to it, and ruin it."""


def restore(copy: Path, home: Path) -> bool:
    """Make `copy` the store of `home`; whether there was one before, which is kept aside.

    Raises:
        StoreError: a hub serves this home, or the copy is no whole store of this version.
    """
    trusted_path.require(copy)
    judge(copy)
    trusted_path.make_folder(home)
    lock = take_lock(home / "hub.lock")
    try:
        part = home / f"{FILE_NAME}.part"
        part.unlink(missing_ok=True)
        with (
            copy.open("rb") as source,
            os.fdopen(trusted_path.open_file(part, _NEW), "wb") as target,
        ):
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        return put_in_place(part, home)
    except OSError as error:
        why = error.strerror or ""
        raise StoreError("the copy cannot be put back", why, f"df -h {home}") from None
    finally:
        os.close(lock)


def put_in_place(part: Path, home: Path) -> bool:
    """Make the file `part` the store of `home`; whether there was one before, which is kept."""
    there = (home / FILE_NAME).exists()
    for suffix in _PARTS if there else ():
        (home / f"{BEFORE}{suffix}").unlink(missing_ok=True)
        if (home / f"{FILE_NAME}{suffix}").exists():
            (home / f"{FILE_NAME}{suffix}").rename(home / f"{BEFORE}{suffix}")
    part.replace(home / FILE_NAME)
    return there


_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY


def judge(copy: Path, *, alone: bool = True) -> None:
    """Raise `StoreError` where it is no whole store of this version or an older one; `alone`: no
    log of SQLite's belongs to it."""
    try:
        # Immutable: a copy may lie where nothing can be written, and is to stay as it is.
        uri = f"{copy.resolve().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            check(database, copy)
            (version,) = database.execute("PRAGMA user_version").fetchone()
            ours = 0 < version <= len(STEPS) and _schema(database) == _schema_of(version)
    except sqlite3.Error as error:
        raise unreadable(copy, error) from None
    if not 0 < version <= len(STEPS):
        raise StoreError(
            f"{copy} is no store of this version",
            f"its schema is {version}, this program knows 1 to {len(STEPS)}",
            "take a file that fleet backup wrote, and the fleet that wrote it or a newer one",
        )
    if not ours:
        raise StoreError(
            f"{copy} is no store",
            "what stands in it beside or instead of our tables is not ours",
            "take a file that fleet backup wrote",
        )


def _schema(database: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Every table, index, trigger and view, but those that SQLite makes for itself: a trigger of
    somebody else's would act whenever the hub writes."""
    text = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%'"
    return sorted(database.execute(f"{text} ESCAPE '\\'"))


def _schema_of(version: int) -> list[tuple[str, ...]]:
    """The schema as this program makes it."""
    with closing(sqlite3.connect(":memory:")) as database:
        for step in STEPS[:version]:
            database.executescript(step)
        return _schema(database)
