from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from fleet.contract.messages import Alert, Heartbeat, Status, Versions
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Severity, State
from fleet.domain.daily_bounds import DAY, FIRST_DAY, Bounds, DayCounts
from tests.support.audits import NOON, TS

BOUNDS = Bounds(metrics=4, versions=2, configs=2, sessions=2, events=5)


def beat(ts: str = TS, **fields: Any) -> Heartbeat:
    return Heartbeat(ok=True, ts=ts, **fields)


def status(**fields: Any) -> Status:
    return Status(state=State.RUNNING, ts=TS, **fields)


def said(counts: DayCounts, *messages: Heartbeat | Status | Alert, at: float = NOON) -> list[Any]:
    return [counts.excess(message, at, BOUNDS) for message in messages]


def beats(count: int, every: float, **fields: Any) -> list[Heartbeat]:
    return [beat(ts=timestamp(NOON + every * n), **fields) for n in range(count)]


def test_heartbeats_beyond_twice_those_due_and_a_hundred_are_too_many():
    counts = DayCounts()
    found = said(counts, *beats(400, 300))
    assert found == [None] * 388 + [""] * 12
    assert said(counts, beat(), at=NOON + DAY) == [None]


@pytest.mark.parametrize("interval", [1, 60, 600])
def test_heartbeats_much_faster_than_announced_are_too_many_at_once(interval: int):
    counts = DayCounts()
    found = said(counts, *beats(300, interval / 20, interval=interval))
    assert found.index("") in range(100, 115)
    again = beat(ts=timestamp(NOON + 200 * interval), interval=interval)
    assert said(counts, *[again] * 120).count(None) == 100


def test_a_backlog_was_made_at_its_time_and_comes_at_once():
    assert set(said(DayCounts(), *beats(1_440, 60, interval=60))) == {None}


def test_a_clock_set_back_is_no_flood():
    counts = DayCounts()
    assert set(said(counts, *beats(90, 600), *beats(90, 600))) == {None}


def test_a_shorter_interval_has_more_of_them_as_far_as_it_is_tolerated():
    assert set(said(DayCounts(), *beats(2_000, 60, interval=60))) == {None}
    bounds, counts = Bounds(shortest=600), DayCounts()
    found = [counts.excess(one, NOON, bounds) for one in beats(400, 300, interval=60)]
    assert found.count("") == 12


def test_an_interval_that_is_longer_takes_nothing_away():
    assert set(said(DayCounts(), *beats(300, 600, interval=86_400))) == {None}


def test_what_the_hub_asked_for_is_not_counted():
    counts = DayCounts()
    counts.begin(NOON)
    for _ in range(100):
        counts.asked()
    assert set(said(counts, *[beat()] * 200)) == {None}
    assert set(said(counts, *[status()] * 105)) == {None}
    assert said(counts, beat(), status()) == ["", ""]


def test_what_is_retained_was_counted_when_it_was_new():
    counts = DayCounts()
    found = [counts.excess(beat(), NOON, BOUNDS, retained=True) for _ in range(1_000)]
    assert set(found) == {None}


def test_new_names_of_metrics_are_few_and_known_ones_free():
    counts = DayCounts()
    first = {f"first_{n}": 1.0 for n in range(4 * FIRST_DAY)}
    assert said(counts, *[beat(metrics=first)] * 3) == [None] * 3
    assert said(counts, beat(metrics={"one_more": 1.0})) == ["metrics"]
    tomorrow = {f"second_{n}": 1.0 for n in range(4)}
    assert said(counts, beat(metrics=tomorrow), beat(metrics=first), at=NOON + DAY) == [None, None]
    assert said(counts, beat(metrics={"one_more": 1.0}), at=NOON + DAY) == ["metrics"]


def test_what_is_refused_is_not_learned():
    counts = DayCounts()
    many = {f"name_{n}": 1.0 for n in range(9)}
    assert said(counts, beat(metrics=many), beat(metrics=many)) == ["metrics", "metrics"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("versions", [Versions(agent=str(n)) for n in range(4)]),
        ("config", [f"sha256:{n:064x}" for n in range(4)]),
        ("boot", list(range(4))),
    ],
)
def test_what_seldom_changes_changes_so_often_and_no_more(field: str, values: list[Any]):
    counts = DayCounts()
    found = said(counts, *(status(**{field: value}) for value in values))
    assert found == [None, None, None, field]
    assert said(counts, status(**{field: values[2]})) == [None]
    assert said(counts, status(**{field: values[3]}), at=NOON + DAY) == [None]


def test_states_and_alerts_have_a_bound_of_their_own():
    alert = Alert(code="disk-pressure", severity=Severity.WARNING, state=AlertState.FIRING, ts=TS)
    counts = DayCounts()
    assert said(counts, *[status(), alert] * 3) == [None] * 5 + [""]
    assert said(counts, beat()) == [None]


def test_what_an_outbox_sends_again_is_no_event_and_not_without_end():
    counts = DayCounts()
    events = [status(boot=1, seq=number) for number in range(5)]
    assert set(said(counts, *events * 10)) == {None}
    assert said(counts, status(boot=1, seq=5)) == [""]
    assert "" in said(counts, *events * 2)


def test_names_that_are_known_are_bounded():
    counts = DayCounts()
    for day in range(200):
        names = {f"day_{day}_{n}": 1.0 for n in range(4)}
        one = beat(timestamp(NOON + day * DAY), metrics=names)
        assert said(counts, one, at=NOON + day * DAY) == [None]
    assert len(counts._names) <= 256


def test_by_default_an_enrolled_agent_may_say_less_than_a_hundred_thousand_bits():
    bounds = Bounds()
    assert bounds.bits(bounds.enrolled) < 100_000
    assert bounds.anybody == 1
    assert Bounds(shortest=60).enrolled == Bounds(shortest=60).anybody == 60


def test_a_hub_refuses_from_a_multiple_of_each_bound_on():
    bounds, refused = Bounds(shortest=60), Bounds(shortest=60).refused()
    for name in ("metrics", "versions", "configs", "sessions", "events", "spare"):
        assert getattr(refused, name) >= 4 * getattr(bounds, name)
    assert (refused.interval, refused.shortest) == (bounds.interval, bounds.shortest)
    assert refused.beats(600) == 5_288


def test_bounds_come_from_the_settings():
    table = {"shortest_interval": 0.01, "new_metrics_a_day": 3, "events_a_day": 7}
    bounds = Bounds.of(60.0, table)
    assert (bounds.interval, bounds.shortest, bounds.metrics, bounds.events) == (60, 1, 3, 7)
    assert Bounds.of(600.0, {}) == Bounds()


def test_an_agent_that_told_of_no_metric_takes_no_set_of_its_own():
    agents = 500
    tracemalloc.start()
    kept = [DayCounts() for _ in range(agents)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 300 * len(kept)
