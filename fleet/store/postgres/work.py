"""Work by reference in PostgreSQL, by the statements that SQLite has, too.

Many rows travel as one value, JSON, which the server reads as rows of the table: so a statement's
text is the same for any number of them, and no column's type is told twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from fleet.contract.vocabulary import Priority
from fleet.store.postgres.connection import Connection
from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.statements import Look, Question


def tables(connection: Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""
    return SqlWorkTables(PostgresStatements(connection))


class PostgresStatements:
    """See `fleet.store.work.statements.Statements`. What returns no rows goes with the next that
    does, and questions go together: each message costs both sides more than what most of them ask.
    Values are put into the text here, since a message of several statements takes none beside."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = psycopg.ClientCursor(connection)
        self._later: list[Question] = []

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        if statement.startswith("SELECT") or " RETURNING " in statement:
            return self.ask([(statement, values)])[0]
        self._later.append((statement, values))
        return []

    def ask(self, questions: Sequence[Question]) -> list[list[Row]]:
        before = len(self._later)
        self._later += questions
        self.finish()
        for _ in range(before):
            self._cursor.nextset()
        answers = []
        for _ in questions:
            answers.append(self._cursor.fetchall())
            self._cursor.nextset()
        return answers

    def finish(self) -> None:
        if self._later:
            text = "; ".join(statement for statement, _ in self._later)
            values = [value for _, values in self._later for value in values]
            self._later = []
            self._cursor.execute(text.replace("?", "%s"), values)

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], known: str = ""
    ) -> None:
        names = ", ".join(columns)
        statement = (
            f"INSERT INTO {table} ({names}) SELECT {names}"  # noqa: S608 - our own words
            f" FROM json_populate_recordset(NULL::{table}, ?::json) {known}"
        )
        self._later.append((statement, (_json(columns, rows),)))

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        pairs = ", ".join(f"{column} = new.{column}" for column in columns)
        statement = (
            f"UPDATE {table} SET {pairs}"  # noqa: S608 - our own words
            f" FROM json_populate_recordset(NULL::{table}, ?::json) AS new"
            f" WHERE {table}.{key} = new.{key}"
        )
        self._later.append((statement, (_json((*columns, key), rows),)))

    def among(self, column: str, values: Sequence[Any]) -> Question:
        return f"{column} = ANY(?)", [[*values]]

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


BY_INDEX: Final = "".join(
    f"; SET LOCAL {name} = off"
    for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")
)
"""Of a transaction of work: few rows of large tables are meant, and the server cannot know that."""
