"""Work by reference in PostgreSQL, by the statements that SQLite has, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fleet.store.postgres.connection import Connection
from fleet.store.work.rows import Row
from fleet.store.work.sql import SqlWorkTables

T = TypeVar("T")


def tables(connection: Connection) -> SqlWorkTables:
    """The tables of an open store, inside a transaction of the caller's."""

    def run(statement: str, values: Sequence[Any]) -> list[Row]:
        cursor = connection.execute(statement.replace("?", "%s"), values)
        if not statement.startswith("SELECT") and " RETURNING " not in statement:
            return []  # nor is its end waited for, in a pipeline
        return cursor.fetchall()

    return SqlWorkTables(run)


def pipelined(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """`work` with its statements sent one behind the other: only one that gives rows is waited for,
    and what was refused is raised there, or at the end."""

    def run(connection: Connection) -> T:
        with connection.pipeline():
            return work(connection)

    return run
