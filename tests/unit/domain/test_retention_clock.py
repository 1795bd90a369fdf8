"""What falls due, after an absence or a clock that was wrong for a while."""

from __future__ import annotations

import json

import pytest

from fleet.domain.retention_clock import DAY, MAX_LEAPS, RetentionClock
from tests.support.telemetry import NOON

KEEP = 14.0


@pytest.fixture
def clock() -> RetentionClock:
    clock = RetentionClock()
    clock.look(0, believed=True)
    return clock


def test_it_goes_with_the_time(clock: RetentionClock):
    clock.look(DAY, believed=True)
    assert clock.time_for(KEEP, NOON) == NOON
    clock.leap(90)
    assert clock.time_for(KEEP, NOON) == NOON, "a restart is no leap"


def test_while_the_clock_is_in_doubt_nothing_is_too_old(clock: RetentionClock):
    clock.look(10, believed=False)
    assert clock.time_for(KEEP, NOON) == 0.0
    clock.look(20, believed=True)
    assert clock.time_for(KEEP, NOON) == NOON


@pytest.mark.parametrize("leap", [30 * DAY, 3650 * DAY])
def test_after_a_leap_nothing_falls_due_that_would_not_have_without_it(
    clock: RetentionClock, leap: float
):
    clock.leap(leap)
    for day in range(int(KEEP)):
        clock.look(day * DAY, believed=True)
        now = NOON + leap + day * DAY
        assert clock.time_for(KEEP, now) == NOON + day * DAY
    clock.look(KEEP * DAY, believed=True)
    assert clock.time_for(KEEP, NOON + leap) == NOON + leap, "by now all that was there is as old"
    assert clock.time_for(365, NOON + leap) == NOON, "what is kept for longer waits for longer"


@pytest.mark.parametrize("leap", [30 * DAY, 3650 * DAY])
def test_a_leap_that_is_taken_back_leaves_nothing_behind(clock: RetentionClock, leap: float):
    clock.leap(leap)
    clock.look(20, believed=True)
    clock.leap(-leap)
    assert clock.time_for(KEEP, NOON) == NOON


def test_a_clock_set_back_makes_no_later_leap_fall_due_at_once(clock: RetentionClock):
    clock.leap(-30 * DAY)
    assert clock.time_for(KEEP, NOON) == NOON
    clock.leap(30 * DAY)
    assert clock.time_for(KEEP, NOON) == NOON - 30 * DAY


def test_a_person_may_vouch_for_it(clock: RetentionClock):
    clock.leap(30 * DAY)
    clock.trust()
    assert clock.time_for(KEEP, NOON) == NOON


def test_what_it_knows_outlives_the_hub_and_is_bounded(clock: RetentionClock):
    for number in range(MAX_LEAPS * 2):
        clock.look(number * 60, believed=True)
        clock.leap(2 * 3600)
    assert len(clock.leaps) == MAX_LEAPS
    assert clock.time_for(KEEP, NOON) == NOON - MAX_LEAPS * 2 * 7200
    later = RetentionClock()
    later.load(json.loads(json.dumps(clock.dump())))
    later.look(0, believed=True)
    assert later.time_for(KEEP, NOON) == clock.time_for(KEEP, NOON)
    with pytest.raises(TypeError):
        later.load({"served": 1, "leaps": [3]})
    assert len(later.leaps) == MAX_LEAPS
