"""The cursors of pages as text, which comes back from outside: what is none of ours is refused."""

from __future__ import annotations

_LONGEST_ID = 18
"""Digits: what fits into 64 bits, whatever the digits are."""

_LONGEST_ROLLUP = 29


def parse_message(cursor: str | None) -> int:
    """The id after which a page of messages begins.

    Raises:
        ValueError: the cursor is not one of ours.
    """
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > _LONGEST_ID:
        raise ValueError("not a cursor of this store")
    return int(cursor)


def parse_rollup(cursor: str | None) -> tuple[int, int]:
    """The hour, and the number of the agent in it, after which a page of roll-ups begins.

    Raises:
        ValueError: the cursor is not one of ours.
    """
    if cursor is None:
        return -1, 0
    hour, _, agent = cursor.rpartition("-")
    if not (hour.isdecimal() and agent.isdecimal() and len(cursor) <= _LONGEST_ROLLUP):
        raise ValueError("not a cursor of this store")
    return int(hour), int(agent)
