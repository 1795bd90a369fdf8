"""Work by reference in PostgreSQL, by the statements that SQLite has, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleet.store.postgres.connection import Connection
from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables


def tables(connection: Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""

    def run(statement: str, values: Sequence[Any]) -> list[Row]:
        cursor = connection.execute(statement.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    return SqlWorkTables(run)
