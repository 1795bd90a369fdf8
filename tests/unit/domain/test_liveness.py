"""Presence and health: the truth rules as tables."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Check, State
from fleet.domain.liveness import dissent, health, presence, verdict
from fleet.domain.verdict import Verdict


@pytest.mark.parametrize(
    ("interval", "silent", "expected"),
    [
        (10, 0, Verdict.OK),
        (10, 16.9, Verdict.OK),
        (10, 17, Verdict.LATE),
        (10, 26.9, Verdict.LATE),
        (10, 27, Verdict.STALE),
        (600, 901, Verdict.OK),
        (600, 902, Verdict.LATE),
        (600, 1502, Verdict.STALE),
        (1, 1.9, Verdict.OK),
        (1, 2.0, Verdict.LATE),
        (1, 3.0, Verdict.STALE),
        (10, -5, Verdict.OK),
    ],
)
def test_silence_is_late_at_one_and_a_half_intervals_and_stale_at_two_and_a_half(
    interval, silent, expected
):
    assert presence(seen_at=100, offline=False, interval=interval, now=100 + silent) is expected


def test_an_explicit_offline_holds_whatever_the_time():
    for now in (100, 117, 127, 10**6):
        assert presence(seen_at=100, offline=True, interval=10, now=now) is Verdict.OFFLINE


def test_a_time_that_nobody_knows_is_unknown():
    assert presence(seen_at=None, offline=False, interval=10, now=0) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("ok", "state", "checks", "expected"),
    [
        (True, None, {}, Verdict.OK),
        (None, None, {}, Verdict.OK),
        (False, None, {}, Verdict.DEGRADED),
        (True, State.RUNNING, {"process": Check.PASS, "disk": Check.FAIL}, Verdict.DEGRADED),
        (True, State.RUNNING, {"process": Check.PASS, "disk": Check.WARN}, Verdict.OK),
        (True, State.RUNNING, {"disk": Check.UNKNOWN}, Verdict.OK),
        (True, State.RUNNING, {"process": Check.UNKNOWN}, Verdict.UNKNOWN),
        (True, State.RUNNING, {"process": Check.UNKNOWN, "disk": Check.PASS}, Verdict.UNKNOWN),
        (True, State.RUNNING, {"process": Check.UNKNOWN, "endpoint": Check.PASS}, Verdict.OK),
        (False, None, {"process": Check.UNKNOWN}, Verdict.DEGRADED),
        (None, State.DEGRADED, {}, Verdict.DEGRADED),
        (None, State.STARTING, {}, Verdict.DEGRADED),
        (None, State.STOPPING, {}, Verdict.DEGRADED),
        (None, State.MAINTENANCE, {}, Verdict.OK),
        (True, State.OFFLINE, {}, Verdict.OFFLINE),
    ],
)
def test_slow_is_not_dead_and_running_is_not_working(ok, state, checks, expected):
    assert health(ok=ok, state=state, checks=checks) is expected


@pytest.mark.parametrize(
    ("present", "healthy", "enrolled", "expected"),
    [
        (Verdict.OK, Verdict.DEGRADED, True, Verdict.DEGRADED),
        (Verdict.LATE, Verdict.DEGRADED, True, Verdict.LATE),
        (Verdict.OFFLINE, Verdict.OK, True, Verdict.OFFLINE),
        (Verdict.UNKNOWN, Verdict.OK, True, Verdict.UNKNOWN),
        (Verdict.UNKNOWN, Verdict.DEGRADED, True, Verdict.UNKNOWN),
        (Verdict.OK, Verdict.OK, False, Verdict.GHOST),
        (Verdict.STALE, Verdict.DEGRADED, False, Verdict.GHOST),
    ],
)
def test_the_verdict_is_the_worst_that_presence_and_planes_support(
    present, healthy, enrolled, expected
):
    assert verdict(present=present, healthy=healthy, enrolled=enrolled) is expected


PASS, FAIL, UNKNOWN = Check.PASS, Check.FAIL, Check.UNKNOWN


@pytest.mark.parametrize(
    ("ok", "state", "checks", "expected"),
    [
        (True, State.RUNNING, {"process": PASS, "endpoint": PASS}, False),
        (False, State.RUNNING, {"process": PASS, "endpoint": FAIL}, False),
        (False, State.DEGRADED, {"process": PASS, "work": FAIL}, False),
        (False, None, {"process": FAIL, "endpoint": PASS}, True),
        (False, None, {"process": FAIL, "work": PASS}, True),
        (False, State.RUNNING, {"process": FAIL, "endpoint": FAIL}, True),
        (False, None, {"process": FAIL, "endpoint": FAIL}, False),
        (True, None, {"endpoint": FAIL}, True),
        (True, None, {"disk": FAIL}, False),
        (False, None, {"process": PASS}, False),
        (False, None, {"process": UNKNOWN}, False),
        (False, None, {}, False),
        (None, None, {"process": PASS}, False),
    ],
)
def test_only_what_no_single_truth_explains_is_dissent(ok, state, checks, expected):
    assert dissent(ok=ok, state=state, checks=checks) is expected
