"""The cursors of pages as text, which comes back from outside: what is none of ours is refused."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 18
"""What fits into 64 bits, whatever the digits are."""


def parse_message(cursor: str | None) -> int:
    """The id after which a page of messages begins.

    Raises:
        ValueError: the cursor is not one of ours.
    """
    return 0 if cursor is None else _number(cursor)


def parse_rollup(cursor: str | None) -> tuple[int, int]:
    """The hour, and the number of the agent in it, after which a page of roll-ups begins.

    Raises:
        ValueError: the cursor is not one of ours.
    """
    if cursor is None:
        return -1, 0
    hour, _, agent = cursor.partition("-")
    return _number(hour), _number(agent)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        raise ValueError("not a cursor of this store")
    return int(text)
