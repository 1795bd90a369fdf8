"""Timestamps and ids as they travel: built and parsed in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import Final

from fleet.contract.patterns import TIMESTAMP_TEXT

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def timestamp(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond, of `at` seconds since the epoch."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def epoch(ts: str) -> float:
    """Seconds since the epoch of a timestamp that satisfies the contract."""
    at = moment(ts)
    return datetime.fromisoformat(ts).timestamp() if at is None else at


def moment(text: str) -> float | None:
    """`epoch` of `text`; None: it is no timestamp of the contract.

    What a fleet says within a second is read once, and so is each fraction of one: the sum is the
    same number, since no fraction of six digits lies between two that a float can hold.
    """
    second, fraction = _second(text[:_SECOND]), _fraction(text[_SECOND:])
    return None if second is None or fraction is None else second + fraction


_SECOND: Final = len("2026-03-18T21:30:00")
_LONGEST: Final = len(".123456Z")


@lru_cache(4_096)
def _second(text: str) -> float | None:
    whole = f"{text}Z"
    return datetime.fromisoformat(whole).timestamp() if TIMESTAMP_TEXT.fullmatch(whole) else None


@lru_cache(2_048)
def _fraction(text: str) -> float | None:
    is_one = len(text) <= _LONGEST and TIMESTAMP_TEXT.fullmatch(f"1970-01-01T00:00:00{text}")
    return float(f"0{text[:-1]}") if is_one else None


def ulid(at: float) -> str:
    """A new ULID: 48 bits of milliseconds since the epoch, then 80 random bits."""
    number = int(at * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def ulid_time(text: str) -> float:
    """When a ULID was made, in seconds since the epoch; 0.0 of a text that is none."""
    digits = [_CROCKFORD.find(letter) for letter in text[:10]]
    if len(text) != 26 or -1 in digits:
        return 0.0
    number = 0
    for digit in digits:
        number = number << 5 | digit
    return number / 1000


def ulids(at: float) -> Iterator[str]:
    """New ULIDs of one moment, rising, up to a million: a fleet's worth at the price of one."""
    head = ulid(at)[:-4]
    return (head + "".join(tail) for tail in product(_CROCKFORD, repeat=4))
