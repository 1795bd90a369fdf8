"""Numbers that the store keeps about itself, and SQL of others in PostgreSQL's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet.store.postgres.connection import Connection


def write_meta(connection: Connection, name: str, value: int) -> None:
    """Write a number, inside a transaction."""
    connection.execute(
        "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def read_meta(connection: Connection, name: str) -> int:
    """A number, 0 if it was never written."""
    row = connection.execute("SELECT value FROM meta WHERE name = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def number(connection: Connection, query: str, values: Any = ()) -> int | None:
    """The one number that `query` finds; None: it finds none."""
    row = connection.execute(query, values).fetchone()
    return None if row is None or row[0] is None else int(row[0])


class Portable:
    """A connection that takes `?` for values, as `fleet.store.moments` writes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, query: str, values: Any = (), /) -> Any:
        return self._connection.execute(query.replace("?", "%s"), values)

    def executemany(self, query: str, rows: Iterable[Any], /) -> Any:
        for row in rows:
            self.execute(query, row)
