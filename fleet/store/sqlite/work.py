"""Work by reference in the hub's own file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fleet.contract.vocabulary import Priority
from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.statements import Look, Question, holes, padded


def tables(database: sqlite3.Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""
    return SqlWorkTables(SqliteStatements(database))


class SqliteStatements:
    """See `fleet.store.work.statements.Statements`. Each statement is near: what counts is that
    SQLite has met its text before."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        return self._database.execute(statement, values).fetchall()

    def ask(self, questions: Sequence[Question]) -> list[list[Row]]:
        return [self.run(statement, values) for statement, values in questions]

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], known: str = ""
    ) -> None:
        names, places = ", ".join(columns), holes(columns)
        self._many(f"INSERT INTO {table} ({names}) VALUES ({places}) {known}", rows)  # noqa: S608 - our own words

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        pairs = ", ".join(f"{column} = ?" for column in columns)
        self._many(f"UPDATE {table} SET {pairs} WHERE {key} = ?", rows)  # noqa: S608 - our own words

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        self._database.executemany(statement, rows)

    def among(self, column: str, values: Sequence[Any]) -> Question:
        places = padded(values)
        return f"{column} IN ({holes(places)})", places

    def finish(self) -> None: ...

    def ready(self, looks: Sequence[tuple[Look, int]], now: float) -> Question:
        values = [
            value
            for place, (look, most) in enumerate(padded(looks))
            for priority in Priority
            for value in (place, *look, priority.rank, now, now, most if place < len(looks) else 0)
        ]
        return _union(len(padded(looks))), values


_LOOK: Final = (
    "SELECT ?, t.priority, t.not_before, t.number FROM task t WHERE t.grp = ? AND t.kind = ?"
    " AND t.addressee = ? AND t.priority = ? AND t.state = 'submitted' AND t.waits = 0"
    " AND t.not_before <= ? AND t.expires > ? ORDER BY t.not_before, t.number LIMIT ?"
)


@cache
def _union(looks: int) -> str:
    # Not by a join with a list of places: SQLite then reads all tasks to find those few numbers.
    return " UNION ALL ".join(f"SELECT * FROM ({_LOOK})" for _ in range(looks * len(Priority)))  # noqa: S608 - our own words
