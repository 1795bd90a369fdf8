"""Hours and a number each, as small as they can be kept: 10,000 agents have 35 days of several."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from fleet.domain.capacity.forecast import DAY, HOUR, KNOWN, Point

HOURS_KNOWN: Final = int(KNOWN // HOUR)
HOURS_A_DAY: Final = int(DAY // HOUR)

WHOLE: Final = 8 * HOURS_A_DAY
"""Hours of which each is kept of what is left: the longest slope looks a week back."""

MOST: Final = WHOLE + 2 * (HOURS_KNOWN - WHOLE) // HOURS_A_DAY + 3 * HOURS_A_DAY
"""Points of a room from which on older days are thinned."""

LARGEST: Final = 1e15
"""More than any counter of tokens grows in an hour; what claims so is cut."""

PRUNED: Final = 0.5
"""Share of a counter from which on a smaller value is no new beginning: its records were pruned, as
a database of sessions is, and what is left is no new use."""


class Series:
    """Hours since the epoch, rising, with a value each."""

    __slots__ = ("hours", "values")

    def __init__(self, kind: str) -> None:
        """`kind` of `array`: `d` keeps a value as it is, `f` seven digits of it."""
        self.hours: array[int] = array("i")
        self.values: array[float] = array(kind)

    def __len__(self) -> int:
        return len(self.hours)

    def put(self, hour: int, value: float) -> None:
        """The newest hour, also again; an older one is known already."""
        if self.hours and hour <= self.hours[-1]:
            if hour == self.hours[-1]:
                self.values[-1] = value
            return
        self.hours.append(hour)
        self.values.append(value)

    def cut_after(self, hour: int) -> None:
        """Drop what is later."""
        place = bisect_left(self.hours, hour + 1)
        del self.hours[place:], self.values[place:]

    def forget_before(self, hour: int) -> None:
        """Drop what is earlier."""
        if self.hours and self.hours[0] < hour:
            place = bisect_left(self.hours, hour)
            del self.hours[:place], self.values[:place]

    def points(self) -> list[Point]:
        return [Point(h * HOUR, v) for h, v in zip(self.hours, self.values, strict=True)]


class Room:
    """What is left of something, and how much there is of it in all."""

    __slots__ = ("left", "total")

    def __init__(self) -> None:
        self.left = Series("d")
        self.total: float | None = None

    def put(self, hour: int, value: float) -> None:
        self.left.put(hour, value)
        if len(self.left) > MOST:
            self.left.forget_before(hour - HOURS_KNOWN)
            self._thin(hour - WHOLE)

    def _thin(self, before: int) -> None:
        """Of each day that is over by `before` the least and the greatest value stay."""
        kept = Series("d")
        days: dict[int, list[tuple[int, float]]] = {}
        for hour, value in zip(self.left.hours, self.left.values, strict=True):
            day = hour // HOURS_A_DAY
            old = (day + 1) * HOURS_A_DAY <= before
            days.setdefault(day if old else -hour, []).append((hour, value))
        for each in days.values():
            ends = {min(each, key=lambda one: one[1]), max(each, key=lambda one: one[1])}
            for hour, value in sorted(ends):
                kept.put(hour, value)
        self.left = kept


class _Reading(NamedTuple):
    hour: int
    value: float


class Counter:
    """How much a counter grew, hour by hour; an hour in which it stood still takes no room."""

    __slots__ = ("_before", "_newest", "first", "points", "spent")

    def __init__(self) -> None:
        self.spent = Series("f")
        self.points = 0
        """Hours that were measured."""
        self.first: int | None = None
        self._before: _Reading | None = None
        self._newest: _Reading | None = None

    def take(self, hour: int, low: float, high: float, last: float) -> None:
        """The least, greatest and last value of an hour: the newest one, also again."""
        newest = self._newest
        if newest is None or hour > newest.hour:
            self._before, self.points = newest, self.points + 1
        elif hour < newest.hour:
            return
        if self.first is None:
            self.first = hour
        self._newest = _Reading(hour, last)
        since = self._before.hour if self._before else hour - 1
        self.spent.cut_after(since)
        base = self._before.value if self._before else low
        # Where nobody measured, nobody knows when it was: not all of it now.
        hours = range(since + 1, hour + 1)
        grown = growth(base, high, last) / len(hours)
        if grown:
            for each in hours[-HOURS_KNOWN:]:
                self.spent.put(each, grown)
        self.spent.forget_before(hour - HOURS_KNOWN)

    def since_newest(self, value: float) -> float:
        """How much it grew beyond what was taken, where it stands at `value` now."""
        return 0.0 if self._newest is None else growth(self._newest.value, value, value)

    def each(self) -> Iterator[tuple[int, float]]:
        return zip(self.spent.hours, self.spent.values, strict=True)


def growth(base: float, high: float, last: float) -> float:
    """By how much a counter grew that stood at `base`, went up to `high` and ends at `last`: a
    restart begins at 0 again."""
    peak = max(base, high)
    grown = peak - base
    if last < peak and last <= PRUNED * peak:
        grown += max(0.0, last)
    return min(grown, LARGEST)
