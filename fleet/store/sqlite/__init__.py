"""The store in SQLite: one file in the hub's home, in WAL mode.

Only `fleet/store/open.py` and tests come in here: what others ask stands in `fleet/store/port.py`.
"""

from fleet.store.sqlite.connection import FILE_NAME
from fleet.store.sqlite.store import SqliteStore

__all__ = ["FILE_NAME", "SqliteStore"]
