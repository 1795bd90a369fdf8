"""Who is woken, and when, on made courses of a disk: ours beside `predict_linear`.

    python -m benchmarks forecast [NOISE ...]

Goal: no false alarm, and each true end told at least a day before. `predict_linear` is what
Prometheus documents: simple linear regression over the samples of the range, from the time of the
evaluation on; `tests/integration/observe/test_predict_linear.py` holds it, and the rules, to a real
one. Beside it stands the floor of 20 % free that ours has, too.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from benchmarks.courses import COURSES, Course, samples
from benchmarks.result import tell
from fleet.domain.capacity.forecast import DAY, HOUR, KNOWN, Point
from fleet.domain.capacity.room import LITTLE, of_room

NOISES: Final = (0.0, 0.2, 0.5)
"""Percent of all, standard deviation of what is measured."""

SCRAPE, LOOK = 5, 15
"""Minutes between samples, and between two looks of a rule."""

ROUNDING: Final = 1e-9
"""Days: times are fractions of a day, and a sample at the very edge of a range is in it."""

LOOKBACK: Final = 5 / 1440
"""Days that a sample stands for the value of now: Prometheus's own."""

ALL: Final = 100.0
EPISODE: Final = 0.25
"""Days without an alarm after which another one is a new one."""

Alarm = Callable[[Sequence[tuple[float, float]], float], bool]


def predict_linear(points: Sequence[tuple[float, float]], now: float, ahead: float) -> float | None:
    """The value `ahead` (days) after `now` by least squares; None: less than two samples."""
    if len(points) < 2:
        return None
    count = len(points)
    x = sum(at - now for at, _ in points) / count
    y = sum(value for _, value in points) / count
    spread = sum((at - now - x) ** 2 for at, _ in points)
    slope = sum((at - now - x) * (value - y) for at, value in points) / spread if spread else 0.0
    return y - slope * x + slope * ahead


def linear(hours: float, ahead: float, floor: float | None) -> Alarm:
    """`predict_linear(left[HOURS h], AHEAD) < 0`, with or without a floor of what is free."""

    def alarm(points: Sequence[tuple[float, float]], now: float) -> bool:
        first = bisect_left(points, (now - hours / 24 - ROUNDING,))
        window = points[first : bisect_right(points, (now + ROUNDING, ALL * 2))]
        if not window:
            return False
        at, value = window[-1]
        if floor is not None and (value >= floor * ALL or now - at > LOOKBACK + ROUNDING):
            return False
        found = predict_linear(window, now, ahead)
        return found is not None and found < 0

    return alarm


RULES: Final = {
    "predict_linear 1h": (linear(1, 4 / 24, None), 0.0),
    "predict_linear 1h, floor, for 1h": (linear(1, 4 / 24, LITTLE), 1 / 24),
    "predict_linear 6h": (linear(6, 1, None), 0.0),
    "predict_linear 6h, floor, for 1h": (linear(6, 1, LITTLE), 1 / 24),
}
"""The rule, and for how many days it must be true. The usual horizons: four hours ahead of one
hour, a day ahead of six."""


def ours(course: Course, noise: float) -> list[float]:
    """The days on which we would wake somebody, by one point an hour."""
    points: list[Point] = []
    found, fires = [], False
    for day, value in samples(course, 60, noise):
        points.append(Point(day * DAY, value))
        now = day * DAY + HOUR
        known = points[bisect_left(points, (now - KNOWN,)) :]
        fires = of_room("ada", "left", known, ALL, now, fires).severity is not None
        if fires:
            found.append(now / DAY)
    return found


def theirs(course: Course, noise: float, alarm: Alarm, hold: float) -> list[float]:
    points = samples(course, SCRAPE, noise)
    found, since = [], None
    for minute in range(0, course.days * 1440, LOOK):
        day = minute / 1440
        since = (day if since is None else since) if alarm(points, day) else None
        if since is not None and day - since >= hold:
            found.append(day)
    return found


def episodes(days: Iterable[float]) -> int:
    """How often somebody is woken."""
    count, last = 0, float("-inf")
    for day in days:
        count += day - last > EPISODE
        last = day
    return count


def judged(course: Course, days: list[float]) -> dict[str, Any]:
    """False alarms, or how many days before the end the alarm came that stayed true.

    Of a course that ends an alarm is false where it comes earlier than nine days before.
    """
    if course.ends is None:
        return {"false": episodes(day for day in days if day >= course.settles)}
    early = [day for day in days if day < course.ends - 9]
    true = [day for day in days if day >= course.ends - 9]
    lead = round(course.ends - true[0], 2) if true else None
    return {"false": episodes(early), "lead_days": lead}


def row(course: Course, noise: float) -> dict[str, Any]:
    found = {"ours": judged(course, ours(course, noise))}
    found |= {name: judged(course, theirs(course, noise, *rule)) for name, rule in RULES.items()}
    return {"course": course.name, "noise": noise, **found}


def sums(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of each rule: false alarms in all, ends that were told a day before, and how many there
    were."""
    found = {}
    for name in ("ours", *RULES):
        ends = [one[name] for one in rows if "lead_days" in one[name]]
        found[name] = {
            "false_alarms": sum(one[name]["false"] for one in rows),
            "ends": len(ends),
            "told_a_day_before": sum((one["lead_days"] or 0) >= 1 for one in ends),
        }
    return found


def main() -> None:
    noises = [float(word) for word in sys.argv[1:]] or NOISES
    rows = [row(course, noise) for noise in noises for course in COURSES]
    tell({"sums": sums(rows), "rows": rows})


if __name__ == "__main__":
    main()
