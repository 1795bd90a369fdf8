"""A wrong clock told apart from a message that waited."""

from __future__ import annotations

import pytest

from fleet.domain.clock_skew import confirmed, corrected, is_skewed


@pytest.mark.parametrize("interval", [1, 10, 600])
def test_an_offset_that_stays_while_time_goes_on_is_a_skew(interval):
    assert confirmed(90.0, 1000 + interval, 90.1, 1000)


@pytest.mark.parametrize("interval", [1, 1.2, 10, 600])
def test_a_queue_that_drains_is_not_a_skew(interval):
    assert not confirmed(3600 - interval, 1000 + interval, 3600, 1000)


def test_two_messages_of_the_same_moment_confirm_nothing():
    assert not confirmed(90.0, 1000, 90.0, 1000)


@pytest.mark.parametrize(
    ("ts", "skew", "at", "moment"),
    [
        (100, None, 160, 100),
        (100, 30, 160, 130),
        (162, None, 160, 160),
        (190, -30, 160, 160),
        (190, None, 160, None),
    ],
)
def test_a_retained_time_is_corrected_and_never_in_the_future(ts, skew, at, moment):
    assert corrected(ts, skew, at) == moment


@pytest.mark.parametrize(
    ("skew", "before", "expected"),
    [
        (None, False, False),
        (4.9, False, False),
        (-5.1, False, True),
        (3, True, True),
        (2, True, False),
    ],
)
def test_a_clock_at_the_edge_does_not_flap(skew, before, expected):
    assert is_skewed(skew, before) is expected
