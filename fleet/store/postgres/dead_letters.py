"""Dead letters, bounded in the same transaction: a flood pushes the oldest out.

A topic is kept as bytes: what a stranger wrote need not be a text to the database.
"""

from __future__ import annotations

from typing import Any, Final

from fleet.store.postgres.bulk_insert import insert_many
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import number, read_meta, write_meta
from fleet.store.records import DeadLetter

_NUMBER: Final = "dead_letters"


def recount(connection: Connection) -> None:
    """Count anew, inside a transaction."""
    write_meta(connection, _NUMBER, number(connection, "SELECT count(*) FROM dead_letter") or 0)


def append(connection: Connection, dead_letters: list[DeadLetter], most: int) -> int:
    """Keep them, but no more than `most` in all; how many old ones had to go."""
    insert_many(connection, "dead_letter", map(_row, dead_letters))
    kept = read_meta(connection, _NUMBER) + len(dead_letters)
    over = max(0, kept - most)
    if over:
        connection.execute(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY id LIMIT %s)",
            (over,),
        )
    write_meta(connection, _NUMBER, kept - over)
    return over


def forget(connection: Connection, last: int | None) -> int:
    """Forget those up to the id `last`, if there is one; how many."""
    if last is None:
        return 0
    gone = connection.execute("DELETE FROM dead_letter WHERE id <= %s", (last,)).rowcount
    if gone:
        write_meta(connection, _NUMBER, read_meta(connection, _NUMBER) - gone)
    return gone


def topic_bytes(topic: str) -> bytes:
    return topic.encode("utf-8", "surrogatepass")


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    return (letter.id, letter.at, topic_bytes(letter.topic), letter.payload, letter.retained,
            letter.reason, letter.field)  # fmt: skip


def dead_letter(row: tuple[Any, ...]) -> DeadLetter:
    id_, at, topic, payload, retained, reason, field = row
    return DeadLetter(
        id_, at, topic.decode("utf-8", "surrogatepass"), payload, retained, reason, field
    )
