"""The windows of limits: a day, week or month of a zone's calendar, or a span that moves along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from fleet.contract.vocabulary import Word

WEEK: Final = timedelta(days=7)


class Calendar(Word):
    """Windows that begin anew at a midnight."""

    DAY = "day", "from midnight to midnight"
    WEEK = "week", "from Monday"
    MONTH = "month", "from the first of the month"


@dataclass(frozen=True, slots=True)
class Window:
    """`calendar` of the zone, or the last `span` seconds; `name` is as the settings have it."""

    name: str
    calendar: Calendar | None = None
    span: float = 0.0

    def begins(self, at: float, zone: tzinfo) -> float:
        """Since when counts what is used by `at` (s since the epoch)."""
        if self.calendar is None:
            return at - self.span
        midnight = _midnight(datetime.fromtimestamp(at, zone))
        if self.calendar is Calendar.WEEK:
            midnight -= timedelta(days=midnight.weekday())
        elif self.calendar is Calendar.MONTH:
            midnight = midnight.replace(day=1)
        return midnight.timestamp()

    def ends(self, at: float, zone: tzinfo) -> float:
        """When all that is used by `at` counts no more."""
        if self.calendar is None:
            return at + self.span
        begin = datetime.fromtimestamp(self.begins(at, zone), zone)
        if self.calendar is Calendar.DAY:
            return (begin + timedelta(days=1)).timestamp()
        if self.calendar is Calendar.WEEK:
            return (begin + WEEK).timestamp()
        return (begin + timedelta(days=32)).replace(day=1).timestamp()


TODAY: Final = Window("day", Calendar.DAY)
MONTH: Final = Window("month", Calendar.MONTH)


def days(begin: float, end: float, zone: tzinfo) -> list[tuple[float, float]]:
    """The parts of a span, each within one day of the zone."""
    parts = []
    while begin < end:
        midnight = TODAY.ends(begin, zone)
        parts.append((begin, min(midnight, end)))
        begin = midnight
    return parts


def days_before(at: float, number: int, zone: tzinfo) -> float:
    """The same time of the day `number` days before, also across a change of the clocks."""
    return (datetime.fromtimestamp(at, zone) - timedelta(days=number)).timestamp()


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
