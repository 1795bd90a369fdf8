"""Made courses of a disk, hour by hour or minute by minute: what wakes nobody, and what must.

A course is percent left at a day, counted from the first; None: nobody measured it. They are made
after what operators report of real disks, and are nobody's data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

Value = Callable[[float], float | None]
MINUTES: Final = 1440


@dataclass(frozen=True, slots=True)
class Course:
    """`ends`: the day on which nothing is left; None: never. `settles`: until that day nobody can
    tell it from a fall."""

    name: str
    value: Value
    days: int
    ends: float | None = None
    settles: float = 0.0


def _saw(period: float, high: float, low: float) -> Value:
    return lambda day: high - (high - low) * (day % period) / period


def _weekday(day: float) -> float:
    return 14.0 if day % 7 < 5 else 19.0


COURSES: Final = (
    Course("level, and little", lambda _: 8.0, 30),
    Course("sawtooth of a day", _saw(1, 18, 6), 30),
    Course("log rotation each night", lambda day: 19 - 9 * ((day + 0.3) % 1), 30),
    Course("log rotation each week", _saw(7, 40, 6), 30, settles=7.1),
    Course("package update, cleaned up", lambda d: 18 - 7 * (10 <= d < 10.3), 30),
    Course("package update that stays", lambda d: 25 - 8 * (d >= 10), 30),
    Course("step", lambda d: 50.0 if d < 10 else 12.0, 30),
    Course("weekly rhythm", lambda d: _weekday(d) + 3 * (d % 1), 30),
    Course("gap of three days", lambda d: None if 5 < d < 8 else 16.0, 30),
    Course("disk made smaller", lambda d: 40.0 if d < 8 else 15.0, 30),
    Course("so slow that it takes a year", lambda d: 19 - 0.05 * d, 30),
    Course("growing", lambda d: 5 + d / 4, 30),
    Course("trend of 1 % a day", lambda d: 100 - d, 100, ends=100),
    Course("trend of 2 % a day", lambda d: 100 - 2 * d, 50, ends=50),
    Course("trend of 5 % a day", lambda d: 100 - 5 * d, 20, ends=20),
    Course("trend of 10 % a day", lambda d: 100 - 10 * d, 10, ends=10),
    Course("trend that begins late", lambda d: 90.0 if d < 20 else 90 - 6 * (d - 20), 35, ends=35),
    Course("trend below a daily sawtooth", lambda d: 60 - 4 * d - 4 * (d % 1), 14, ends=14),
    Course("trend with a gap", lambda d: None if 8 < d < 10 else 100 - 5 * d, 20, ends=20),
)  # fmt: skip


def samples(course: Course, every: int, noise: float, seed: int = 7) -> list[tuple[float, float]]:
    """(day, percent left) each `every` minutes, with `noise` (percent, standard deviation)."""
    random = Random(seed)
    found = []
    for minute in range(0, course.days * MINUTES, every):
        day = minute / MINUTES
        value = course.value(day)
        wobble = random.gauss(0, noise)
        if value is not None:
            found.append((day, max(0.0, value + wobble)))
    return found
