"""A database that is made by a move: no hub opens it before the move has ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from psycopg import sql

from fleet.store.port import StoreError
from fleet.store.postgres import months, moved
from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.meta import number, write_meta
from fleet.store.postgres.migrations import STEPS, migrate
from fleet.store.postgres.move_side import (
    LOG,
    PostgresSide,
    listed,
    replaced,
    require_free,
    schema_version,
)
from fleet.store.transfer.shape import Row, Shape
from fleet.store.transfer.sides import Documents


class PostgresTarget(PostgresSide):
    """A database that no hub opens before the move into it has ended."""

    def __init__(self, database: Database, source: str) -> None:
        super().__init__(database)
        self._source = source
        self._run = secrets.token_hex(8)
        self._months: set[int] = set()

    def begin(self, shapes: Sequence[Shape]) -> None:
        """
        Raises:
            StoreError: a hub leads on it, it holds something, or another version began to move.
        """
        self.database.open()

        def begin(connection: Connection) -> set[int]:
            if moved.found(connection) is None:
                migrate(connection)
                require_free(connection, self.name, shapes)
            elif schema_version(connection) != len(STEPS):
                raise StoreError(
                    f"the move into {self.name} was begun by another version of fleet",
                    "its tables are others",
                    "go on with that version; or drop the database, and make it anew",
                )
            moved.begin(connection, moved.INTO, self._source, self._run)
            return months.known(connection)

        self._months = self.database.transaction(begin)
        self.learn(shapes)

    def last_key(self, shape: Shape) -> Row | None:
        order = ", ".join(f'"{name}" DESC' for name in shape.key)
        query = f"SELECT {listed(shape.key)} FROM {shape.table} ORDER BY {order} LIMIT 1"  # noqa: S608 - our own names
        return self.ask(lambda connection: connection.execute(query).fetchone())

    def append(self, shape: Shape, rows: list[Row]) -> None:
        made: dict[int, int] = _sizes(rows) if shape.table == LOG else {}
        rows = replaced(rows, self.texts(shape), lambda found: found.encode())
        query = f"COPY {shape.table} ({listed(shape.names)}) FROM STDIN"

        def append(connection: Connection) -> None:
            # The last transaction has all on the disk; until then what is lost is copied again.
            connection.execute("SET LOCAL synchronous_commit = off")
            moved.hold(connection, self._run)
            months.make(connection, set(made) - self._months)
            with connection.cursor().copy(query) as copy:
                for row in rows:
                    copy.write_row(row)
            months.add(connection, made)

        self.database.transaction(append)
        self._months |= set(made)

    def clear(self, shape: Shape) -> None:
        def clear(connection: Connection) -> None:
            moved.hold(connection, self._run)
            if shape.table == LOG:
                for month in months.known(connection):
                    months.drop(connection, month)
            else:
                connection.execute(f"TRUNCATE {shape.table}")

        self.database.transaction(clear)
        if shape.table == LOG:
            self._months = set()

    def finish(self, numbers: dict[str, int], documents: Documents) -> None:
        def finish(connection: Connection) -> None:
            connection.execute("SET LOCAL synchronous_commit = on")
            moved.hold(connection, self._run)
            for name, value in numbers.items():
                write_meta(connection, name, value)
            write_meta(connection, "message_to", number(connection, _LAST_MESSAGE) or 0)
            connection.execute("DELETE FROM document")
            for item in documents.items():
                connection.execute("INSERT INTO document VALUES (%s, %s)", item)
            _count_on(connection)
            moved.end(connection)

        self.database.transaction(finish)
        with suppress(StoreError):  # the database does it by itself, only later
            self.database.transaction(lambda connection: connection.execute("ANALYZE"))


_LAST_MESSAGE: Final = "SELECT max(id) FROM message"


def _count_on(connection: Connection) -> None:
    """Numbers that the database gives itself go on behind those that it was given."""
    given = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND is_identity = 'YES'"
    ).fetchall()
    for table, column in given:
        query = sql.SQL(
            "SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {} HAVING count(*) > 0"
        ).format(table, column, sql.Identifier(column), sql.Identifier(table))
        connection.execute(query)


def _sizes(rows: list[Row]) -> dict[int, int]:
    """Bytes by month of messages."""
    found: dict[int, int] = {}
    for _id, at, _agent, _kind, _retained, payload in rows:
        month = months.month_of(at)
        found[month] = found.get(month, 0) + len(payload) + months.ROW
    return found
