"""Numbers with no more digits than an operator reads: what is not sent carries nothing.

A gauge has three significant digits. A counter grows by steps of three, and what a step leaves
out is in the next one: it never falls, never runs ahead, and its error does not add up.
"""

from __future__ import annotations

import math
from typing import Final

DIGITS: Final = 3
"""Significant digits: at most 0.5 % away, less than a dashboard shows or an alert turns on."""

PLACES: Final = 6
"""Decimal places of a counter: a millionth of a dollar or a second."""

_SCALE: Final = 10**PLACES
_LARGEST: Final = 2**53

COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")
"""Suffixes of Prometheus's counters: what only grows."""

POINTS: Final = ("timestamp_seconds", "timestamp_ms", "timestamp", "_info")
"""Ends of names whose value is a moment or a label, of which no digit can be left out."""


def gauge(value: float) -> float:
    """`value` to three significant digits, whole numbers as integers; infinities and NaN stay."""
    if not math.isfinite(value):
        return value
    rounded = float(f"{value:.{DIGITS - 1}e}")
    return int(rounded) if rounded.is_integer() else rounded


def is_counter(name: str) -> bool:
    """Whether a metric of this name only grows."""
    return name.endswith(COUNTERS)


def is_point(name: str) -> bool:
    """Whether a metric of this name is a moment."""
    return name.endswith(POINTS)


class CounterSteps:
    """What was sent of each counter; `limit` is how many are remembered, the first ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sent: dict[str, int] = {}

    def next(self, name: str, value: float) -> float:
        """What to send of a counter that stands at `value`: exactly that at first and after it
        was set back, and then no more than the last three significant digits of its growth."""
        if not math.isfinite(value) or abs(value) > _LARGEST:
            return value
        true = round(value * _SCALE)
        sent = self._sent.get(name)
        if sent is None or true < sent:
            if sent is None and len(self._sent) >= self._limit:
                return gauge(value)
            sent = true
        else:
            sent += _floor(true - sent)
        self._sent[name] = sent
        return sent // _SCALE if sent % _SCALE == 0 else sent / _SCALE


def _floor(growth: int) -> int:
    """`growth` without what follows its first three digits."""
    unit = int(10 ** max(0, len(str(growth)) - DIGITS))
    return growth // unit * unit
