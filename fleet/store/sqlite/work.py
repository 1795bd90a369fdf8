"""Work by reference in the hub's own file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables


def tables(database: sqlite3.Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""

    def run(statement: str, values: Sequence[Any]) -> list[Row]:
        return database.execute(statement, values).fetchall()

    return SqlWorkTables(run)
