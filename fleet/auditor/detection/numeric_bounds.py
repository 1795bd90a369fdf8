"""Bare numbers: how large each may honestly be, and what it is when it is larger.

A card number is a counter that nobody has. So each number has a bound from its unit or field;
beyond it, the digits are held against checksums and numbering plans.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from fleet.auditor.detection import identifiers, number_runs
from fleet.auditor.rules.rule import Rule
from fleet.auditor.rules.wordlists import OPERATIONS
from fleet.contract.vocabulary import AlertCode

Limit = float
"""The largest absolute value that needs no look."""

COUNT: Final = 1e13
"""Tokens, requests, packets: the widest honest counters, a hundred billion a day for months."""

_UNITS: Final[dict[str, Limit]] = {
    "bytes": 1e15, "octets": 1e15, "bits": 1e16, "seconds": 3.2e8, "ratio": 1e6, "percent": 1e6,
    "celsius": 1e6, "usd": 1e8, "eur": 1e8, "cents": 1e10, "ms": 2.2e12, "milliseconds": 2.2e12,
    "us": 2.2e15, "microseconds": 2.2e15, "ns": 2.2e18, "nanoseconds": 2.2e18, "kb": 1e12,
    "mb": 1e10, "gb": 1e8, "kib": 1e12, "mib": 1e10, "gib": 1e8, "timestamp": 2.2e15,
    "minutes": 1e8, "hours": 1e7, "days": 1e6, "hertz": 1e12, "watts": 1e8, "joules": 1e13,
    "number": 1e7,
}  # fmt: skip
"""By the unit in a metric's name: ten years, a petabyte, a hundred million dollars."""

FOREIGN: Final = 999_999.0
"""A metric whose name has no word of operations: six digits are nobody's number."""

FIELDS: Final[dict[str, Limit]] = {
    "uptime": 3.2e8,
    "interval": 86_400.0,
    "boot": 9_999_999.0,
    "seq": 99_999_999.0,
    "took": 604_800.0,
    "ttl": 604_800.0,
    "epoch": 9_999.0,
    "attempt": 100.0,
    "progress": 100.0,
}
"""By field: ten years of uptime, three years of a message a second; `boot` is a time besides."""

BOOT_SINCE, BOOT_UNTIL = 1_000_000_000_000, 2_200_000_000_000
"""Milliseconds since the epoch, 2001 to 2039: what `boot` should be."""

_SIZES: Final = frozenset((AlertCode.DISK_PRESSURE, AlertCode.MEMORY_PRESSURE))


@lru_cache(20_000)
def metric_limit(name: str) -> Limit:
    """How large the metric `name` may be before its digits are looked at."""
    words = identifiers.cut(name)
    if any(word in identifiers.KEYWORDS for word in words):
        return FOREIGN
    for word in ("timestamp", *reversed(words)):
        if word in words and word in _UNITS:
            return _UNITS[word]
    return COUNT if any(word in OPERATIONS and len(word) > 1 for word in words) else FOREIGN


def value_limit(code: str, threshold: float | None) -> Limit:
    """How large an alert's `value` may be: near its threshold, or bytes where those are meant."""
    if threshold is not None:
        return max(9_999_999.0, abs(threshold) * 1e4) if abs(threshold) < 1e6 else COUNT
    return COUNT if code in _SIZES else 9_999_999.0


def leaked(value: float) -> Rule | None:
    """What a number beyond its limit is, if it is anything."""
    number = int(value)
    if number != value:
        return None
    return number_runs.of_digits(str(abs(number)))
