"""What is used of tokens and money: so far, and by the end of a window if the days go on as they
went. A day is like the same weekday before: an agent that rests on Sundays spends nothing then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import accumulate
from statistics import median
from typing import Final

from fleet.contract.timestamps import timestamp
from fleet.domain.capacity.forecast import HOUR, MIN_AGE, MIN_POINTS, Confidence
from fleet.domain.capacity.windows import TODAY, days, days_before

WEEKS: Final = 4
"""Same weekdays that are looked at: before that an agent had other work."""

ENOUGH_WEEKS: Final = 2
"""Same weekdays that must be known for a forecast to be believed: one may have been a holiday."""


class Spent:
    """How much was used in which hour, ready for sums over any span of it."""

    def __init__(
        self, hours: Sequence[int], values: Iterable[float], since: float, points: int, now: float
    ):
        """`since`: from when on it is known, s since the epoch; `points`: hours measured; `now`:
        how far the last hour has come, if it is the one that runs."""
        self._hours = hours
        self._sums = [0.0, *accumulate(values)]
        self._now = now
        self.since = since
        self.points = points

    def between(self, begin: float, end: float) -> float:
        """Used in the span; within an hour evenly."""
        return self._before(end) - self._before(begin)

    def _before(self, at: float) -> float:
        place = bisect_left(self._hours, at // HOUR)
        used = self._sums[place]
        if place == len(self._hours) or self._hours[place] != at // HOUR:
            return used
        begins = self._hours[place] * HOUR
        lasts = min(HOUR, self._now - begins) if self._now > begins else HOUR
        part = min(1.0, (at - begins) / lasts)
        return used + part * (self._sums[place + 1] - used)

    def is_known(self, now: float) -> bool:
        """Whether there is enough of it to say anything."""
        return self.points >= MIN_POINTS and now - self.since >= MIN_AGE


@dataclass(slots=True)
class Expected:
    """What is used from `begin` on, part by part of days: (end, usual, least, greatest)."""

    begin: float
    parts: list[tuple[float, float, float, float]] = field(default_factory=list)
    fewest: int = WEEKS
    """Same weekdays known, of the part that has the fewest; 0: other days had to do."""

    @property
    def total(self) -> float:
        return sum(usual for _, usual, _, _ in self.parts)

    @property
    def least(self) -> float:
        return sum(low for _, _, low, _ in self.parts)

    def by(self, at: float) -> float:
        """Used from the beginning until `at`, evenly within a part."""
        used, begin = 0.0, self.begin
        for end, usual, _, _ in self.parts:
            if at < end:
                return used + usual * max(0.0, at - begin) / (end - begin)
            used, begin = used + usual, end
        return used


def expected(spent: Spent, begin: float, end: float, zone: tzinfo) -> Expected | None:
    """What is used from `begin` to `end`, both to come; None: no day is known to go by."""
    found = Expected(begin)
    whole: dict[tuple[int, float], tuple[list[float], int]] = {}
    for first, last in days(begin, end, zone):
        weekday = datetime.fromtimestamp(first, zone).weekday()
        # Whole days of a weekday are alike, however many weeks ahead they are.
        key = weekday, last - first
        if key not in whole or first == begin:
            whole[key] = _like(spent, first, last, begin, zone)
        samples, weeks = whole[key]
        if not samples:
            return None
        found.parts.append((last, median(samples), min(samples), max(samples)))
        found.fewest = min(found.fewest, weeks)
    return found


def usual_day(spent: Spent, now: float, zone: tzinfo) -> tuple[float, float, float] | None:
    """What a day like today uses: usual, least, greatest; None: no day is known."""
    begin, end = TODAY.begins(now, zone), TODAY.ends(now, zone)
    samples, _ = _like(spent, begin, end, now, zone)
    return (median(samples), min(samples), max(samples)) if samples else None


def _like(
    spent: Spent, first: float, last: float, now: float, zone: tzinfo
) -> tuple[list[float], int]:
    """What was used in that part of the same weekday before `now`, the last weeks of it, and of how
    many; of any day where no such day is known."""
    weeks = _known(spent, first, last, now, zone, range(7, 7 * 2 * WEEKS, 7))[:WEEKS]
    if weeks:
        return weeks, len(weeks)
    return _known(spent, first, last, now, zone, range(1, 2 * 7))[:7], 0


def _known(
    spent: Spent, first: float, last: float, now: float, zone: tzinfo, back: range
) -> list[float]:
    found = []
    for number in back:
        begin, end = days_before(first, number, zone), days_before(last, number, zone)
        if begin < spent.since:
            break
        if end <= now:
            found.append(spent.between(begin, end))
    return found


def confidence_of(spent: Spent, ahead: Expected | None, now: float) -> Confidence:
    if ahead is None or not spent.is_known(now):
        return Confidence.UNKNOWN
    return Confidence.HIGH if ahead.fewest >= ENOUGH_WEEKS else Confidence.LOW


def basis_of(spent: Spent, ahead: Expected | None, begin: float, now: float) -> str:
    """In words, from what a forecast was computed whose window began at `begin`."""
    if ahead is None or not spent.is_known(now):
        return f"{spent.points} hours"
    days = f"{ahead.fewest} of the same weekday" if ahead.fewest else "the last days"
    if spent.since > begin + HOUR:
        return f"{days}; known since {timestamp(spent.since)[:10]}"
    return days
