"""Room over weeks, hour by hour, as disks and memory really go: who is told, when, and who not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain.capacity.forecast import (
    DAY,
    HOUR,
    KNOWN,
    MIN_POINTS,
    Confidence,
    Forecast,
    Point,
)
from fleet.domain.capacity.room import is_lowest, of_room, slope, thinned

ALL = 100.0
Course = Callable[[float], float | None]
"""Percent left at a day, counted from the first; None: nobody measured it."""


def told(course: Course, days: int, noise: float = 0.2, total: float | None = ALL) -> list[float]:
    """The days on which somebody would be told."""
    return [day for day, one in judged(course, days, noise, total) if one.severity]


def judged(
    course: Course, days: int, noise: float, total: float | None = ALL
) -> Iterator[tuple[float, Forecast]]:
    random = Random(7)
    points: list[Point] = []
    for hour in range(days * 24):
        left = course(hour / 24)
        if left is None:
            continue
        points.append(Point(hour * HOUR, max(0.0, left + random.gauss(0, noise))))
        if hour % 3 and hour >= 2 * MIN_POINTS:  # to judge is most of the work
            continue
        now = (hour + 1) * HOUR
        known = [point for point in points if point.at >= now - KNOWN]
        yield hour / 24, of_room("ada", "disk_available_bytes", known, total, now)


HARMLESS: dict[str, Course] = {
    "little, and level": lambda _: 8,
    "filled and emptied each day": lambda day: 18 - 12 * (day % 1),
    "a package update unpacks and cleans up": lambda day: 18 - 7 * (10 <= day < 10.3),
    "a package update that stays": lambda day: 25 - 8 * (day >= 10),
    "a step": lambda day: 50 if day < 10 else 12,
    "the rhythm of a week": lambda day: (14 if day % 7 < 5 else 19) + 3 * (day % 1),
    "a disk made smaller": lambda day: 40 if day < 8 else 15,
    "nobody measured for three days": lambda day: None if 5 < day < 8 else 16,
    "so slow that it takes a year": lambda day: 19 - 0.05 * day,
    "growing": lambda day: 5 + day / 4,
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_what_does_not_end_wakes_nobody(name: str, noise: float) -> None:
    assert told(HARMLESS[name], 30, noise) == []


@pytest.mark.parametrize(("period", "lowest"), [(7, 3.0), (7, 6.0), (28, 4.0)])
def test_a_log_that_is_rotated_wakes_nobody_once_that_was_seen(period: int, lowest: float) -> None:
    """The first time it cannot be told from a disk that fills."""
    days = told(lambda day: 40 - (40 - lowest) * (day % period) / period, 3 * period)
    assert [day for day in days if day > period] == []


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("rate", [1, 2, 5, 10])
def test_what_ends_is_told_at_least_a_day_before(rate: int, noise: float) -> None:
    end = 100 / rate
    first = told(lambda day: 100 - rate * day, int(end), noise)[0]
    assert 1 <= end - first <= 9, "not weeks before either"


def test_a_fall_that_begins_late_is_told_a_day_before() -> None:
    first = told(lambda day: 90 if day < 20 else 90 - 6 * (day - 20), 35)[0]
    assert 1 <= 35 - first <= 7


def test_a_fall_below_a_daily_rhythm_is_told() -> None:
    end = 14.0
    days = told(lambda day: 60 - 4 * day - 4 * (day % 1), 14)
    assert end - days[0] > 1


def test_what_fills_in_a_day_is_told_too_late_for_a_day_and_still_told() -> None:
    assert told(lambda day: 100 - 40 * day, 3, 0.1)[0] < 2.5


def test_steps_that_end_look_like_a_fall_for_a_day_at_most() -> None:
    days = told(lambda day: 60 - 12 * min(4, day // 3), 30, 0.5)
    assert all(12 <= day < 13 for day in days)


def test_without_its_size_nobody_is_told() -> None:
    assert told(lambda day: 100 - 5 * day, 20, total=None) == []


def test_a_day_and_thirty_hours_must_be_known() -> None:
    first = next(
        day for day, one in judged(lambda day: 50 - day, 3, 0) if one.confidence is Confidence.HIGH
    )
    assert first == (MIN_POINTS - 1) / 24
    one = of_room("ada", "disk_available_bytes", [Point(0, 5.0)], ALL, HOUR)
    assert (one.now, one.per_day, one.exhausts_at, one.severity) == (5.0, None, None, None)
    assert of_room("ada", "disk_available_bytes", [], ALL, HOUR).confidence is Confidence.UNKNOWN


def test_the_end_of_a_straight_fall_is_named() -> None:
    *_, (_, last) = judged(lambda day: 100 - 5 * day, 17, 0)
    assert last.per_day == pytest.approx(-5)
    assert last.low == pytest.approx(-5)
    assert last.high == pytest.approx(-5)
    assert last.exhausts_at == pytest.approx(20 * DAY, abs=3 * HOUR)
    assert (last.confidence, last.severity) == (Confidence.HIGH, Severity.WARNING)
    assert last.as_dict()["confidence"] == "high"


def test_a_slope_does_not_heed_wild_points() -> None:
    points = [Point(at, 2.0 * at) for at in range(20)]
    points[5], points[11] = Point(5, 1e9), Point(11, -1e9)
    assert slope(points) == pytest.approx(2)
    assert slope(points[:1]) == 0


def test_many_points_become_few_of_the_same_slope() -> None:
    points = [Point(at * HOUR, 3.0 * at) for at in range(169)]
    few = thinned(points)
    assert len(few) <= 56
    assert slope(few) == pytest.approx(slope(points))


def test_the_lowest_is_below_what_came_back() -> None:
    def lowest(*values: float) -> bool:
        return is_lowest([Point(at, value) for at, value in enumerate(values)])

    assert lowest(9, 8, 7, 6)
    assert not lowest(9, 2, 9, 2)
    assert not lowest(9, 2, 9, 3)
    assert lowest(9, 5, 9, 2)
    assert lowest(5)


def falling(a_day: float, hours: int) -> list[Point]:
    """Percent left, from all on."""
    return [Point(hour * HOUR, 100 - a_day * hour / 24) for hour in range(hours)]


def test_who_was_told_is_told_until_it_is_better_by_more_than_noise() -> None:
    points = falling(4, 20 * 24)
    now = points[-1].at + HOUR
    assert of_room("ada", "left", points, ALL, now).severity is None, "20.2 % are left"
    assert of_room("ada", "left", points, ALL, now, firing=True).severity is Severity.WARNING
    level = [*points, *(Point(now + hour * HOUR, 20.2) for hour in range(8 * 24))]
    assert of_room("ada", "left", level, ALL, level[-1].at, firing=True).severity is None


def test_an_end_within_a_day_is_critical() -> None:
    for hours, severity in ((24 * 9 - 3, Severity.WARNING), (24 * 9 + 3, Severity.CRITICAL)):
        points = falling(10, hours)
        assert of_room("ada", "left", points, ALL, points[-1].at + HOUR).severity is severity
