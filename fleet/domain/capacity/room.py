"""When room runs out, from the hourly sums of what an agent said of it.

A straight line through an hour of a disk cries wolf at each package update and each night's log
rotation. Here two slopes must agree, each the median of the slopes between all pairs of points
(Theil 1950, Sen 1968), which a third of wild points does not move; little must be left; and it must
be less than ever before: what came back from there once comes back again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Final

from fleet.contract.vocabulary import Severity
from fleet.domain.capacity.forecast import (
    DAY,
    HOUR,
    KNOWN,
    MIN_AGE,
    MIN_POINTS,
    Confidence,
    Forecast,
    Point,
    within_reach,
)

LOOKS: Final = (6 * HOUR, DAY, 7 * DAY)
"""Seconds that the slopes look back: one fall within the last day or the last week is no trend."""

MAX_POINTS: Final = 56
"""Points of the longer slope, a median each: 1,540 pairs where all hours would have 14,028."""

LITTLE: Final = 0.20
"""Share of all below which room is little."""

HORIZON: Final = 7 * DAY
"""Seconds within which all slopes must see the end for an alert."""

ENOUGH: Final = 0.25
"""Share of all from which on an alert ends: one that ends where it began would flap."""

SWING: Final = 0.10
"""Part of all changes that makes a rise, and part of a rise that a new low must lie below the low
before it."""


def of_room(
    agent: str,
    metric: str,
    points: Sequence[Point],
    total: float | None,
    now: float,
    firing: bool = False,
) -> Forecast:
    """When what is left, `points` oldest first, is used up.

    Args:
        total: all that there is, in the unit of the metric; None: not known, and nobody is told.
        now: s since the epoch.
        firing: whether somebody was told: then it goes on while the week goes down.
    """
    newest = points[-1].value if points else 0.0
    if len(points) < MIN_POINTS or now - points[0].at < MIN_AGE:
        return Forecast(
            agent, metric, "bytes", newest, None, None, None, None,
            f"{len(points)} hours", Confidence.UNKNOWN,
        )  # fmt: skip
    slopes = [slope(thinned(_since(points, now - look - HOUR))) for look in LOOKS]
    ends = [newest / -one for one in slopes if one < 0]
    agree = len(ends) == len(LOOKS)
    long = slopes[-1]
    lowest = is_lowest(_since(points, now - KNOWN))
    left = newest / -long if long < 0 else None
    severity = None
    if total is not None and left is not None:
        begins = newest < LITTLE * total and agree and max(ends) <= HORIZON and lowest
        stays = firing and newest < ENOUGH * total and left <= 2 * HORIZON
        if begins or stays:
            soon = agree and max(ends) <= DAY
            severity = Severity.CRITICAL if soon else Severity.WARNING
    return Forecast(
        agent,
        metric,
        "bytes",
        newest,
        long * DAY,
        min(slopes) * DAY,
        max(slopes) * DAY,
        None if left is None else within_reach(now + left),
        "6 h, 1 d and 7 d",
        Confidence.HIGH if agree == (long < 0) and lowest else Confidence.LOW,
        severity,
    )


def _since(points: Sequence[Point], at: float) -> Sequence[Point]:
    return points[bisect_left(points, at, key=lambda point: point.at) :]


def slope(points: Sequence[Point]) -> float:
    """Change a second: the median of all pairs' slopes; 0 for less than two points."""
    pairs = ((b.value - a.value) / (b.at - a.at) for a, b in combinations(points, 2))
    return median(found) if (found := list(pairs)) else 0.0


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most `MAX_POINTS` of them: neighbours become their median, in time as in value."""
    size = -(-len(points) // MAX_POINTS)
    if size <= 1:
        return points
    parts = [points[at : at + size] for at in range(0, len(points), size)]
    return [Point(median(p.at for p in part), median(p.value for p in part)) for part in parts]


def is_lowest(points: Sequence[Point]) -> bool:
    """Whether the newest value is clearly below each low from which the room came back.

    A fall has no such low, however long it is; noise rises by little of the whole range.
    """
    newest = highest = points[-1].value
    values = [point.value for point in points]
    much = SWING * (max(values) - min(values))
    for value in reversed(values):
        rise = highest - value
        if rise > much and newest > value - SWING * rise:
            return False
        highest = max(highest, value)
    return True
