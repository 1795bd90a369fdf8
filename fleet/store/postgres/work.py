"""Work by reference in PostgreSQL, by the statements that SQLite has, too.

Many rows travel as one value, JSON, which the server reads as rows of the table: so a statement's
text is the same for any number of them, and no column's type is told twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from fleet.contract.vocabulary import Priority
from fleet.store.postgres.connection import Connection
from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.statements import Look, Question

T = TypeVar("T")


def tables(connection: Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""
    return SqlWorkTables(PostgresStatements(connection))


class PostgresStatements:
    """See `fleet.store.work.statements.Statements`. In a pipeline what returns no rows is not
    waited for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        cursor = self._connection.execute(statement.replace("?", "%s"), values)
        if not statement.startswith("SELECT") and " RETURNING " not in statement:
            return []
        return cursor.fetchall()

    def ask(self, questions: Sequence[Question]) -> list[list[Row]]:
        execute = self._connection.execute
        cursors = [execute(text.replace("?", "%s"), values) for text, values in questions]
        return [cursor.fetchall() for cursor in cursors]

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], known: str = ""
    ) -> None:
        names = ", ".join(columns)
        self._connection.execute(
            f"INSERT INTO {table} ({names}) SELECT {names}"  # noqa: S608 - our own words
            f" FROM json_populate_recordset(NULL::{table}, %s::json) {known}",
            (_json(columns, rows),),
        )

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        pairs = ", ".join(f"{column} = new.{column}" for column in columns)
        self._connection.execute(
            f"UPDATE {table} SET {pairs}"  # noqa: S608 - our own words
            f" FROM json_populate_recordset(NULL::{table}, %s::json) AS new"
            f" WHERE {table}.{key} = new.{key}",
            (_json((*columns, key), rows),),
        )

    def ready(self, looks: Sequence[tuple[Look, int]], now: float) -> Question:
        rows = [(place, *look, most) for place, (look, most) in enumerate(looks)]
        return _READY, (_json(("place", "grp", "kind", "addressee", "most"), rows), now, now)


_READY: Final = (
    "SELECT look.place, t.priority, t.not_before, t.number FROM json_to_recordset(?::json)"  # noqa: S608 - our own words
    " AS look (place BIGINT, grp TEXT, kind TEXT, addressee TEXT, most BIGINT) CROSS JOIN (VALUES"
    f" {', '.join(f'({one.rank})' for one in Priority)}) AS p (rank) CROSS JOIN LATERAL"
    " (SELECT priority, not_before, number FROM task WHERE grp = look.grp AND kind = look.kind"
    " AND addressee = look.addressee AND priority = p.rank AND state = 'submitted' AND waits = 0"
    " AND not_before <= ? AND expires > ? ORDER BY not_before, number LIMIT look.most) AS t"
)


def _json(columns: Sequence[str], rows: Sequence[Row]) -> str:
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows])


_BY_INDEX: Final = (
    "SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin',"
    " 'enable_mergejoin', 'jit']) AS name"
)
"""Few rows of large tables are always meant, and the server cannot know how few."""


def pipelined(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """`work` with its statements sent one behind the other: only one that gives rows is waited for,
    and what was refused is raised there, or at the end."""

    def run(connection: Connection) -> T:
        with connection.pipeline():
            connection.execute(_BY_INDEX)
            return work(connection)

    return run
