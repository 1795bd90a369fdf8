"""Dead letters, bounded in the same transaction: a flood pushes the oldest out.

Their number is kept beside them: to count them would mean to read every one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from fleet.store import bulk_insert
from fleet.store.connection import meta, put_meta
from fleet.store.records import DeadLetter
from fleet.store.row_mapping import dead_letter_row

_NUMBER: Final = "letters"


def recount(database: sqlite3.Connection) -> None:
    """Count once, when the store opens."""
    (number,) = database.execute("SELECT count(*) FROM dead_letter").fetchone()
    if number != meta(database, _NUMBER):  # a full disk must not hold up the start
        put_meta(database, _NUMBER, number)


def put(database: sqlite3.Connection, dead_letters: list[DeadLetter], most: int) -> int:
    """Keep `letters`, but no more than `most` in all; how many old ones had to go."""
    bulk_insert.put(database, "dead_letter", 7, map(dead_letter_row, dead_letters))
    number = meta(database, _NUMBER) + len(dead_letters)
    over = max(0, number - most)
    if over:
        database.execute(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY id LIMIT ?)",
            (over,),
        )
    put_meta(database, _NUMBER, number - over)
    return over


def forget(database: sqlite3.Connection, before: float, most: int) -> int:
    """Forget those from before a time, up to `most` of them; how many."""
    gone = database.execute(
        "DELETE FROM dead_letter WHERE id IN"
        " (SELECT id FROM (SELECT id, at FROM dead_letter ORDER BY id LIMIT ?) WHERE at < ?)",
        (most, before),
    ).rowcount
    if gone:
        put_meta(database, _NUMBER, meta(database, _NUMBER) - gone)
    return gone
