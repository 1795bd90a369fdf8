"""The tables of a store as this version makes them, read from its schema: a table or a column that
a later step adds is moved without a word here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from typing import Final

from fleet.store.sqlite.migrations import STEPS
from fleet.store.transfer.shape import META, Holds, Shape

DERIVED: Final = ("message_index",)
"""What the store makes of other tables."""

LAST: Final = "message"
"""The largest: who waits sees the others done first."""


@cache
def shapes() -> tuple[Shape, ...]:
    with closing(sqlite3.connect(":memory:")) as database:
        for step in STEPS:
            database.executescript(step)
        names = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in (META, *DERIVED)
        ]
        return tuple(_shape(database, name) for name in sorted(names, key=lambda n: (n == LAST, n)))


def _shape(database: sqlite3.Connection, table: str) -> Shape:
    columns, key = [], {}
    for _, name, type_, _, _, place in database.execute(f"PRAGMA table_info({table})"):
        columns.append((name, Holds(type_)))
        if place:
            key[place] = name
    return Shape(table, tuple(columns), tuple(key[place] for place in sorted(key)))
