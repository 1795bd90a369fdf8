"""What a move asks of a database, whichever way it goes; see `fleet.store.transfer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from psycopg import sql

from fleet.store.port import StoreError
from fleet.store.postgres import moved
from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.lease import Lease
from fleet.store.postgres.meta import number
from fleet.store.postgres.migrations import known_version
from fleet.store.transfer.shape import META, Holds, Row, Shape
from fleet.store.transfer.sides import Documents

T = TypeVar("T")

LOG: Final = "message"

STOP: Final = "stop every hub on it (systemctl stop fleet, or Ctrl-C), then the same again"

BEGUN: Final = "work_total"
"""A table that is never empty."""

HUBS: Final = (
    "leader_leases", "fleet_schema", "fleet_move", "month_of_messages", "document", "live",
    "request", META,
)  # fmt: skip
"""Tables that only several hubs have, or that are told in other ways. Nobody waits for a `request`
while no hub serves."""

OWN: Final = ("message_to", "dead_letters", "last_id")
"""Numbers that only say what this database has done, or that are found another way."""


class PostgresSide:
    """One database."""

    def __init__(self, database: Database) -> None:
        self.name = database.url.name
        self.database = database
        self.columns: dict[str, dict[str, str]] = {}

    def learn(self, shapes: Sequence[Shape]) -> None:
        """Learn what its columns are of.

        Raises:
            StoreError: it lacks a table or a column, or has something that has no other place.
        """
        self.columns = self.ask(columns_of)
        for shape in shapes:
            if set(self.columns.get(shape.table, ())) != set(shape.names):
                raise StoreError(
                    f"{self.name} is none of this version's stores",
                    f"the table {shape.table} is another",
                    "upgrade the hub that serves it, and start it once",
                )
        for table in sorted(set(self.columns) - {shape.table for shape in shapes} - set(HUBS)):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            if self.ask(lambda c, q=query: number(c, q)):  # type: ignore[misc]
                raise StoreError(
                    f"the table {table} of {self.name} has no place in a home",
                    "only several hubs have it, or it is not ours",
                    "wait until it is empty, or delete what is in it",
                )

    def count(self, shape: Shape) -> int:
        query = f"SELECT count(*) FROM {shape.table}"  # noqa: S608 - our own names
        return self.ask(lambda connection: number(connection, query)) or 0

    def rows(self, shape: Shape, after: Row | None, limit: int) -> list[Row]:
        key = listed(shape.key)
        where = f"WHERE ({key}) > ({marks(shape.key)})" if after else ""
        query = f"SELECT {self._taken(shape)} FROM {shape.table} {where} ORDER BY {key} LIMIT %s"  # noqa: S608 - our own names
        values = (*(after or ()), limit)

        def read(connection: Connection) -> list[Row]:
            return connection.execute(query, values, binary=True).fetchall()

        return shape.canonical(self._read_texts(shape, self.ask(read)))

    def numbers(self) -> dict[str, int]:
        def read(connection: Connection) -> dict[str, int]:
            rows = connection.execute("SELECT name, value FROM meta WHERE value <> 0")
            found: dict[str, int] = dict(rows.fetchall())
            last = [found.get(name, 0) for name in ("last_id", "message_to")]
            last += [
                number(connection, f"SELECT max(id) FROM {table}") or 0  # noqa: S608 - our own names
                for table in (LOG, "dead_letter", "event")
            ]
            return {n: v for n, v in found.items() if n not in OWN} | {"last_id": max(last)}

        return self.ask(read)

    def documents(self) -> Documents:
        return self.ask(lambda c: dict(c.execute("SELECT name, text FROM document").fetchall()))

    def close(self) -> None:
        self.database.close()

    def ask(self, question: Callable[[Connection], T]) -> T:
        return self.database.snapshot(question)

    def texts(self, shape: Shape) -> list[int]:
        """Places of texts that are kept as bytes here, since a stranger wrote them."""
        types = self.columns[shape.table]
        return [
            place
            for place, (name, holds) in enumerate(shape.columns)
            if holds is Holds.TEXT and types[name] == "bytea"
        ]

    def _taken(self, shape: Shape) -> str:
        """Columns as they are read: a float where the other side has an integer, and a boolean."""
        types = self.columns[shape.table]
        whole = [
            holds is Holds.INTEGER and types[name] in ("boolean", "double precision")
            for name, holds in shape.columns
        ]
        return ", ".join(
            f'"{name}"::{"int" if types[name] == "boolean" else "bigint"}' if cast else f'"{name}"'
            for name, cast in zip(shape.names, whole, strict=True)
        )

    def _read_texts(self, shape: Shape, rows: list[Row]) -> list[Row]:
        return replaced(rows, self.texts(shape), lambda found: found.decode("utf-8", "replace"))


class PostgresView(PostgresSide):
    """A database, only to be looked at."""

    def begin(self) -> None:
        self.database.open()

    def leader(self) -> str:
        """Who leads on it; empty: nobody."""
        if not self.ask(schema_version):
            return ""
        held = Lease(self.database).held()
        return held.holder if held and held.left > 0 else ""

    def noted_move(self) -> tuple[str, str] | None:
        """Direction and other side of a move that was begun or made."""
        return self.ask(moved.found)

    def version(self) -> int:
        """Of its schema; 0: it has none of ours."""
        return self.ask(schema_version)

    def is_empty(self, shapes: Sequence[Shape]) -> bool:
        return not any(self.count(shape) for shape in shapes if shape.table != BEGUN)

    def require_ours(self) -> None:
        """
        Raises:
            StoreError: somebody else's tables are there.
        """
        strangers = sorted(self.ask(columns_of)) if not self.version() else []
        if strangers:
            raise StoreError(
                f"{self.name} is not empty",
                f"the table {strangers[0]} is not ours",
                "a database of its own: createdb ANOTHER",
            )

    def require_store(self, shapes: Sequence[Shape]) -> None:
        """
        Raises:
            StoreError: it holds no store, it was moved elsewhere, or a hub leads on it.
        """
        if not self.ask(known_version):
            raise StoreError(
                f"there is no store in {self.name}", "no hub has served it", "FLEET_STORE=…"
            )
        if leader := self.leader():
            raise StoreError(
                f"{leader} leads on {self.name}",
                "a store is moved at rest; a lease that nobody renews ends within 15 s",
                STOP,
            )
        self.learn(shapes)


def columns_of(connection: Connection) -> dict[str, dict[str, str]]:
    """By table the columns with their types; partitions are no tables of their own."""
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in connection.execute(
        "SELECT relname, attname, format_type(atttypid, NULL) FROM pg_class"
        " JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND attnum > 0 AND NOT attisdropped"
    ):
        found.setdefault(table, {})[column] = type_
    return found


def schema_version(connection: Connection) -> int:
    """As `known_version`, also in the middle of a move."""
    if not number(connection, "SELECT (to_regclass('fleet_schema') IS NOT NULL)::int"):
        return 0
    return number(connection, "SELECT max(version) FROM fleet_schema") or 0


def require_free(connection: Connection, name: str, shapes: Sequence[Shape]) -> None:
    """
    Raises:
        StoreError: a hub leads on this database, or it holds something.
    """
    leads = "SELECT holder FROM leader_leases WHERE expires > clock_timestamp()"
    row = connection.execute(leads).fetchone()
    if row:
        raise StoreError(
            f"{row[0]} leads on {name}",
            "a store is moved at rest",
            STOP,
        )
    for shape in shapes:
        if shape.table == BEGUN:
            continue
        query = f"SELECT 1 FROM {shape.table} LIMIT 1"  # noqa: S608 - our own names
        if number(connection, query):
            raise StoreError(
                f"{name} is not empty",
                f"there are rows in {shape.table}, and they are not those of this home",
                "an empty database: createdb ANOTHER",
            )


def replaced(rows: list[Row], places: list[int], change: Callable[[Any], Any]) -> list[Row]:
    if not places:
        return rows
    return [
        tuple(change(value) if place in places else value for place, value in enumerate(row))
        for row in rows
    ]


def listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def marks(names: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(names))
