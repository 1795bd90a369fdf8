"""Dead letters, bounded in the same transaction: a flood pushes the oldest out.

Their number is kept beside them: to count them would mean to read every one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from fleet.store.records import DeadLetter
from fleet.store.row_mapping import dead_letter_row
from fleet.store.sqlite.bulk_insert import insert_many
from fleet.store.sqlite.connection import read_meta, write_meta

_NUMBER: Final = "letters"
"""Named so in every store since 0.1.0."""


def recount(database: sqlite3.Connection) -> None:
    """Count once, when the store opens."""
    (number,) = database.execute("SELECT count(*) FROM dead_letter").fetchone()
    if number != read_meta(database, _NUMBER):  # a full disk must not hold up the start
        write_meta(database, _NUMBER, number)


def append(database: sqlite3.Connection, dead_letters: list[DeadLetter], most: int) -> int:
    """Keep them, but no more than `most` in all; how many old ones had to go."""
    insert_many(database, "dead_letter", 7, map(dead_letter_row, dead_letters))
    number = read_meta(database, _NUMBER) + len(dead_letters)
    over = max(0, number - most)
    if over:
        database.execute(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY id LIMIT ?)",
            (over,),
        )
    write_meta(database, _NUMBER, number - over)
    return over


def forget(database: sqlite3.Connection, last: int | None) -> int:
    """Forget those up to the id `last`, if there is one; how many."""
    if last is None:
        return 0
    gone = database.execute("DELETE FROM dead_letter WHERE id <= ?", (last,)).rowcount
    if gone:
        write_meta(database, _NUMBER, read_meta(database, _NUMBER) - gone)
    return gone
