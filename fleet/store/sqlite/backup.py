"""A consistent copy of the file, also while a hub writes to it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.store.port import StoreError
from fleet.store.sqlite.connection import connect

_PAGES: Final = 4096
"""Pages copied at a time: 16 MB, after which a waiting writer has its turn."""


def back_up(path: Path, target: Path) -> None:
    """Copy the store `path` to `target` (0600), whole or not at all.

    Raises:
        StoreError: it cannot be written.
        UntrustedPathError: somebody else could put another file in its place.
    """
    trusted_path.require(target)
    try:
        # In a folder of its own: SQLite writes a journal beside, whose name others could know.
        with tempfile.TemporaryDirectory(prefix=".fleet-backup-", dir=target.parent) as folder:
            part = Path(folder) / target.name
            os.close(trusted_path.open_file(part, os.O_CREAT | os.O_EXCL | os.O_RDWR))
            with closing(connect(path)) as database, closing(sqlite3.connect(part)) as copy:
                database.execute("PRAGMA query_only = ON")
                database.backup(copy, pages=_PAGES)
            part.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"the backup {target} cannot be written", str(error), f"df -h {target.parent}"
        ) from None
