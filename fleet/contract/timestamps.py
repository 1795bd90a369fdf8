"""Timestamps and ids as they travel: built and parsed in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def timestamp(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond, of `at` seconds since the epoch."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def epoch(ts: str) -> float:
    """Seconds since the epoch of a timestamp that satisfies the contract."""
    return datetime.fromisoformat(ts).timestamp()


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
