"""What the table of forecasts calls `predict_linear` is what a real Prometheus says of the same
samples, at each look, and so are the alarms of its rules."""

from __future__ import annotations

import shutil
import subprocess
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

import pytest

from benchmarks.courses import COURSES, Course, samples
from benchmarks.forecast import LOOK, RULES, SCRAPE, predict_linear
from tests.support.prometheus import PROMETHEUS, Daemon, prometheus

PROMTOOL: Final = shutil.which("promtool") or ""
SPANS: Final = ((4.75, 5.5), (7.9, 8.4), (9.75, 10.5))
"""The days that are compared: in them lie the gap, the steps, the updates and the nearest ends."""
FIRST, LAST = SPANS[0][0], SPANS[-1][1]
WARM: Final = 0.25
"""Days of samples before, for the longest range."""
NOISE: Final = 0.2
BEGIN: Final = 1_767_225_600
"""When day 0 begins; s since the epoch."""
EXPRESSIONS: Final = {
    "predict_linear 1h": "predict_linear(left[1h], 4 * 3600) < 0",
    "predict_linear 1h, floor, for 1h": "left < 20 and predict_linear(left[1h], 4 * 3600) < 0",
    "predict_linear 6h": "predict_linear(left[6h], 86400) < 0",
    "predict_linear 6h, floor, for 1h": "left < 20 and predict_linear(left[6h], 86400) < 0",
}

pytestmark = pytest.mark.skipif(
    not (PROMETHEUS and PROMTOOL), reason="no prometheus; sh scripts/test.sh --all installs it"
)
Samples = list[tuple[float, float]]
Looks = dict[int, dict[int, float]]
"""Values by the course's place and the minute."""


@pytest.fixture(scope="module")
def made() -> list[Samples]:
    return [
        [one for one in samples(course, SCRAPE, NOISE) if FIRST - WARM <= one[0] <= LAST]
        for course in COURSES
    ]


@pytest.fixture(scope="module")
def server(made: list[Samples], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("prometheus")
    lines = ["# TYPE left gauge"]
    for place, found in enumerate(made):
        lines += [
            f'left{{course="{place}"}} {value!r} {BEGIN + round(day * 1440) * 60}'
            for day, value in found
        ]
    (folder / "made.om").write_text("\n".join([*lines, "# EOF", ""]))
    (folder / "prometheus.yml").write_text("global: {}\n")
    argv = [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "made.om", "data"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    daemon = prometheus(folder, "--storage.tsdb.retention.time=100y").start()
    yield daemon
    daemon.stop()


def asked(server: Daemon, expression: str) -> Looks:
    answer = server.get(
        "/api/v1/query_range", query=expression, step=f"{LOOK}m",
        start=str(BEGIN + FIRST * 86400), end=str(BEGIN + LAST * 86400),
    )  # fmt: skip
    wanted = set(looks())
    return {
        int(series["metric"]["course"]): {
            minute: float(value)
            for at, value in series["values"]
            if (minute := round((at - BEGIN) / 60)) in wanted
        }
        for series in answer["data"]["result"]
    }


def looks() -> list[int]:
    every = range(round(FIRST * 1440), round(LAST * 1440) + 1, LOOK)
    return [m for m in every if any(first <= m / 1440 <= last for first, last in SPANS)]


@pytest.mark.parametrize(("hours", "ahead"), [(1, 4 / 24), (6, 1.0)])
def test_its_values_are_those_of_a_real_prometheus(
    server: Daemon, made: list[Samples], hours: int, ahead: float
) -> None:
    theirs = asked(server, f"predict_linear(left[{hours}h], {round(ahead * 86400)})")
    compared = 0
    for place, points in enumerate(made):
        for minute in looks():
            first = bisect_left(points, (minute / 1440 - hours / 24 - 1e-9,))
            last = bisect_right(points, (minute / 1440, 200.0))
            found = predict_linear(points[first:last], minute / 1440, ahead)
            said = theirs.get(place, {}).get(minute)
            assert (found is None) == (said is None), (COURSES[place].name, minute)
            if found is not None:
                assert found == pytest.approx(said, rel=1e-6, abs=1e-6), COURSES[place].name
                compared += 1
    assert compared > 3_000


@pytest.mark.parametrize("name", RULES)
def test_its_rules_ring_when_those_of_a_real_prometheus_do(
    server: Daemon, made: list[Samples], name: str
) -> None:
    alarm, _ = RULES[name]
    theirs = asked(server, EXPRESSIONS[name])

    def rings(course: Course, points: Samples) -> set[int]:
        return {minute for minute in looks() if alarm(points, minute / 1440)}

    for place, (course, points) in enumerate(zip(COURSES, made, strict=True)):
        assert rings(course, points) == set(theirs.get(place, ())), course.name
