"""A consistent copy of the file, also while a hub writes to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path, work_folder
from fleet.store.port import StoreError
from fleet.store.sqlite.connection import check, connect, damaged

_PAGES: Final = 4096
"""Pages copied at a time: 16 MB, after which a waiting writer has its turn."""


def back_up(path: Path, target: Path) -> None:
    """Copy the store `path` to `target` (0600), whole or not at all, and only if it is sound: a
    copy of a damaged store would push out a good one. What a backup that was killed left beside it
    is removed.

    Raises:
        StoreError: it cannot be written, or the store is damaged.
        UntrustedPathError: somebody else could put another file in its place.
    """
    trusted_path.require(target)
    try:
        with work_folder.beside(target) as folder:
            part = folder / target.name
            os.close(trusted_path.open_file(part, os.O_CREAT | os.O_EXCL | os.O_RDWR))
            with closing(connect(path)) as database, closing(sqlite3.connect(part)) as copy:
                database.execute("PRAGMA query_only = ON")
                if not database.execute("PRAGMA user_version").fetchone()[0]:
                    raise damaged(path, "there is nothing in it")
                database.backup(copy, pages=_PAGES)
                check(copy, path)
            part.replace(target)
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise damaged(path, str(error)) from None
        raise StoreError(
            f"the backup {target} cannot be written", str(error), f"df -h {target.parent}"
        ) from None
