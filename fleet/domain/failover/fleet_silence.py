"""Whether so much of a fleet fell silent at once that the broker or the network is the cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

WINDOW: Final = 60.0
"""Seconds within which silences count as one: last wills come at once, staleness by an interval."""

SHARE: Final = 0.3
"""Share of the fleet."""

LEAST: Final = 2
"""Agents: the silence of one is its own, however small the fleet."""

REMEMBERED: Final = 3600.0
"""Seconds after which a silence is an agent's own again: a broker would have been mended."""


def is_in_doubt(silences: Iterable[float], enrolled: int, now: float) -> bool:
    """Whether too many of so many agents fell silent together; `silences`: since when those are who
    did not say goodbye."""
    began = sorted(since for since in silences if now - since <= REMEMBERED)
    most = max(LEAST - 1, int(SHARE * enrolled))
    return any(last - first <= WINDOW for first, last in zip(began, began[most:], strict=False))
