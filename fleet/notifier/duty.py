"""The hours in which a route is told: who is on call by time of day, in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Duty:
    """From `begins` to `ends` (minutes of the day on the clock there) on `days`; where it ends
    earlier than it begins, until the next morning."""

    begins: int
    ends: int
    days: frozenset[int]
    zone: ZoneInfo

    def covers(self, at: float) -> bool:
        """Whether it is on at `at` (s since the epoch)."""
        there = datetime.fromtimestamp(at, self.zone)
        minute, today = there.hour * 60 + there.minute, there.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= minute < self.ends
        if minute >= self.begins:
            return today in self.days
        yesterday = (there - timedelta(days=1)).weekday()
        return minute < self.ends and yesterday in self.days


def duty_of(hours: str, days: str, zone: str) -> Duty | None:
    """As a route's `hours`, `days` and `zone` say; None: always.

    Raises:
        ValueError: one of them is not usable; says which, and why.
    """
    if not (hours or days):
        if zone:
            raise ValueError("zone means nothing without hours or days")
        return None
    found = _HOURS.fullmatch(hours or "00:00-24:00")
    numbers = tuple(map(int, found.groups())) if found else (0, 0, 99, 0)
    begins, ends = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if ends > DAY or begins == ends:
        raise ValueError('hours are like "08:00-18:00", or "18:00-08:00" over midnight')
    try:
        place = ZoneInfo(zone or "UTC")
    except (OSError, ValueError, KeyError):
        raise ValueError("this machine knows no such zone") from None
    return Duty(begins, ends, _days_of(days or "mon-sun"), place)


def _days_of(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError('days are like "mon-fri" or "sat,sun"')
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0))}
    return frozenset(found)
