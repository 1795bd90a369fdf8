"""Many rows a statement.

`executemany` takes Python's lock anew for each row. While the event loop is busy each of those
takes a switch interval: measured, a row then costs 220 microseconds instead of 4. A statement of
many rows takes the lock once, and SQLite works beside the event loop on another core.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Any, Final

from fleet.store.records import StoredMessage
from fleet.store.row_mapping import KIND_NUMBER, Row

SIZES: Final = (500, 50, 5, 1)
"""Rows a statement: few sizes, so that each is prepared once."""


def insert_many(
    database: sqlite3.Connection,
    table: str,
    columns: int,
    rows: Iterable[Row],
    *,
    verb: str = "INSERT OR REPLACE",
    conflict: str = "",
) -> None:
    """Insert whole `rows` of `columns` values, inside a transaction; one whose key is known is
    replaced, or treated as `verb` and `conflict` say."""
    _insert(database, (verb, table, columns, conflict), list(chain.from_iterable(rows)))


def append_messages(
    database: sqlite3.Connection, messages: list[StoredMessage], agents: dict[str, int]
) -> None:
    """Append `messages`, whose agents have the numbers `agents`, inside a transaction."""
    values = [
        value
        for id_, at, agent, kind, retained, payload in messages
        for value in (id_, at, agents[agent], KIND_NUMBER[kind], retained, payload)
    ]
    _insert(database, ("INSERT", "message", 6, ""), values)


def _insert(
    database: sqlite3.Connection, form: tuple[str, str, int, str], values: list[Any]
) -> None:
    at, end, columns = 0, len(values), form[2]
    for size in SIZES:
        step = size * columns
        while end - at >= step:
            database.execute(_statement(*form, size), values[at : at + step])
            at += step


@cache
def _statement(verb: str, table: str, columns: int, conflict: str, size: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{verb} INTO {table} VALUES {', '.join([row] * size)} {conflict}"
