"""When room runs out, from the hourly sums of what an agent said of it.

A straight line through an hour of a disk cries wolf at each package update and each night's log
rotation. Here two slopes must agree, each the median of the slopes between all pairs of points
(Theil 1950, Sen 1968), which a third of wild points does not move; little must be left; and it must
be less than ever before: what came back from there once comes back again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any, Final, NamedTuple

from fleet.contract.vocabulary import Word

HOUR: Final = 3600.0
DAY: Final = 86_400.0

LOOKS: Final = (6 * HOUR, DAY, 7 * DAY)
"""Seconds that the slopes look back: one fall within the last day or the last week is no trend."""

KNOWN: Final = 35 * DAY
"""Seconds for which a low counts as seen before: a month and the days of its end."""

MIN_AGE, MIN_POINTS = DAY, 30
"""Seconds and hours of a metric below which nothing is said."""

MAX_POINTS: Final = 56
"""Points of the longer slope, a median each: 1,540 pairs where all hours would have 14,028."""

LITTLE: Final = 0.20
"""Share of all below which room is little."""

HORIZON: Final = 7 * DAY
"""Seconds within which both slopes must see the end for an alert."""

SWING: Final = 0.10
"""Part of all changes that makes a rise, and part of a rise that a new low must lie below the low
before it."""


class Point(NamedTuple):
    """An hour of a metric: its start, s since the epoch, and the last value in it."""

    at: float
    value: float


class Confidence(Word):
    """How far a forecast can be believed."""

    HIGH = "high", "hours and days agree"
    LOW = "low", "hours and days do not agree, or it came back from as low before"
    UNKNOWN = "unknown", "less than a day, or than 30 hours, are known"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a metric of an agent.

    Attributes:
        now: its newest value, in its own unit.
        per_day: change a day, by the longer look; `low` and `high` are the smaller and the greater
            of the two; None while unknown.
        exhausts_at: s since the epoch; None: not at this rate.
        basis: what it was computed from.
        alerts: whether somebody should be told: little is left, both agree, and less than ever.
    """

    agent: str
    metric: str
    now: float
    per_day: float | None
    low: float | None
    high: float | None
    exhausts_at: float | None
    basis: str
    confidence: Confidence
    alerts: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


def of_room(
    agent: str, metric: str, points: Sequence[Point], total: float | None, now: float
) -> Forecast:
    """When what is left, `points` oldest first, is used up.

    Args:
        total: all that there is, in the unit of the metric; None: not known, and nobody is told.
        now: s since the epoch.
    """
    newest = points[-1].value if points else 0.0
    if len(points) < MIN_POINTS or now - points[0].at < MIN_AGE:
        return Forecast(
            agent, metric, newest, None, None, None, None,
            f"{len(points)} hours", Confidence.UNKNOWN,
        )  # fmt: skip
    slopes = [slope(thinned(_since(points, now - look - HOUR))) for look in LOOKS]
    ends = [newest / -one for one in slopes if one < 0]
    agree = len(ends) == len(LOOKS)
    long = slopes[-1]
    lowest = is_lowest(_since(points, now - KNOWN))
    little = total is not None and newest < LITTLE * total
    soon = agree and max(ends) <= HORIZON
    return Forecast(
        agent,
        metric,
        newest,
        long * DAY,
        min(slopes) * DAY,
        max(slopes) * DAY,
        now + newest / -long if long < 0 else None,
        "6 h, 1 d and 7 d",
        Confidence.HIGH if agree == (long < 0) and lowest else Confidence.LOW,
        alerts=little and soon and lowest,
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
