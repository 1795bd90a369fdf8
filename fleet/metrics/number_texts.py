"""The numbers of a scrape as text, many in one call into C.

Written one by one they are half of a scrape in which every agent changed. `number_text` says how
each is written; what is written at once must be the same, and a test holds it to that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import orjson

from fleet.contract.quantise import gauge

_OTHERWISE: Final = ("e", "0.0000", "-0.0,", "n")
"""Signs of a number that `orjson` writes otherwise: beyond 1e16, below 1e-4, -0.0, no number."""

_GAUGES: Final = 8_192
"""Gauges remembered: sidecars send three digits, so a fleet has some hundreds of each metric."""


def number_text(value: float) -> str:
    """Whole numbers go without `.0`: they are most. A gauge next to the largest number there is
    rounds to infinity, and is shown as that."""
    return str(int(value) if math.isfinite(value) and value == int(value) else value)


def number_texts(values: Sequence[float]) -> list[str]:
    """The same of many."""
    text = orjson.dumps(values).decode()[1:-1] + ","
    if not values or any(sign in text for sign in _OTHERWISE):
        return list(map(number_text, values))
    return text.replace(".0,", ",").split(",")[:-1]


@lru_cache(_GAUGES)
def shown_gauge(value: float) -> float:
    """A gauge has the digits that a dashboard shows, whoever sent it: who may read `/metrics` is
    not asked as closely as who may read the agents (ADR-0021)."""
    return gauge(value)


def thousandths(values: Sequence[float]) -> list[str]:
    """Seconds to three places."""
    return ("%.3f " * len(values) % tuple(values)).split()
