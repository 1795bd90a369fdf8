"""Partitions of the messages: one a month of their times, made when it is needed, dropped whole.

How many bytes each holds is counted beside it: what is deleted gives its room back only later, so
the size of a table does not say what is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from fleet.store.postgres.connection import Connection
from fleet.store.records import StoredMessage

FIRST, LAST = 2020 * 12, 2100 * 12
"""Months (years times twelve) with a partition each; what is stamped before or after by a clock
that was wrong has one on either side, so that their number is bounded."""

ROW: Final = 120
"""Bytes of a message beside its payload: the row's head, its numbers, its entries in indices."""


def month_of(at: float) -> int:
    """The month of a time in s since the epoch, in UTC."""
    if not bounds(FIRST)[0] <= at < bounds(LAST)[0]:
        return FIRST - 1 if at < bounds(FIRST)[0] else LAST
    moment = datetime.fromtimestamp(at, UTC)
    return moment.year * 12 + moment.month - 1


def bounds(month: int) -> tuple[float, float]:
    """From when until when a month lasts."""
    begin = float("-inf") if month < FIRST else _begin(month)
    end = float("inf") if month >= LAST else _begin(month + 1)
    return begin, end


def _begin(month: int) -> float:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()


def table_of(month: int) -> str:
    """The name of its partition."""
    return f"message_{month // 12:04}_{month % 12 + 1:02}"


def known(connection: Connection) -> set[int]:
    """Months that have a partition."""
    return {month for (month,) in connection.execute("SELECT month FROM month_of_messages")}


def make(connection: Connection, months: Iterable[int]) -> None:
    """Make partitions, inside a transaction. One that is attached waits for no reader or dump, and
    none for it."""
    for month in months:
        table = table_of(month)
        low, high = (
            {float("-inf"): "MINVALUE", float("inf"): "MAXVALUE"}.get(end, f"{end:.0f}")
            for end in bounds(month)
        )
        _run(connection, f"CREATE TABLE {table} (LIKE message INCLUDING DEFAULTS)")
        _run(
            connection,
            f"ALTER TABLE message ATTACH PARTITION {table} FOR VALUES FROM ({low}) TO ({high})",
        )
        connection.execute("INSERT INTO month_of_messages VALUES (%s, 0)", (month,))


def drop(connection: Connection, month: int) -> None:
    """Drop one with all that is in it, inside a transaction. While somebody reads, as a dump does,
    this is refused at once: what waits for such a lock holds up everybody behind it."""
    connection.execute("SET LOCAL lock_timeout = '200ms'")
    _run(connection, f"DROP TABLE {table_of(month)}")
    connection.execute("DELETE FROM month_of_messages WHERE month = %s", (month,))
    connection.execute("SET LOCAL lock_timeout = DEFAULT")


def sizes(messages: list[StoredMessage]) -> dict[int, int]:
    """Bytes by month of `messages`."""
    month = month_of(messages[0].at)
    begin, end = bounds(month)
    if all(begin <= message.at < end for message in messages):  # as nearly always
        total = sum([len(message.payload) for message in messages])
        return {month: total + ROW * len(messages)}
    found: Counter[int] = Counter()
    for message in messages:
        found[month_of(message.at)] += len(message.payload) + ROW
    return found


def add(connection: Connection, by_month: dict[int, int], sign: int = 1) -> None:
    """Count bytes that came, or with `sign` -1 that went, inside a transaction."""
    for month, size in by_month.items():
        connection.execute(
            "UPDATE month_of_messages SET bytes = bytes + %s WHERE month = %s",
            (sign * size, month),
        )


def delete(connection: Connection, condition: str, values: tuple[object, ...]) -> int:
    """Delete messages, inside a transaction; how many."""
    query = f"DELETE FROM message WHERE {condition} RETURNING at, octet_length(payload)"  # noqa: S608 - our own words
    gone: Counter[int] = Counter()
    number = 0
    for at, size in connection.execute(query, values):
        gone[month_of(at)] += size + ROW
        number += 1
    add(connection, gone, -1)
    return number


def _run(connection: Connection, text: str) -> None:
    connection.execute(text)
