"""Numbers lose digits and nothing else."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleet.contract.quantise import CounterSteps, gauge
from fleet.domain.information import significant

VALUES = st.floats(-(2.0**53), 2.0**53, allow_subnormal=False)
COUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


def spelled(value: float) -> bytes:
    return f"{value:.30f}".rstrip("0").rstrip(".").encode() if value < 1 else str(value).encode()


@given(VALUES, VALUES)
def test_the_order_of_gauges_stays(one: float, other: float):
    low, high = sorted((one, other))
    assert gauge(low) <= gauge(high)


@given(VALUES)
def test_a_gauge_is_at_most_half_a_percent_away(value: float):
    assert abs(gauge(value) - value) <= 0.005 * abs(value) * (1 + 1e-12)


@given(VALUES)
def test_a_gauge_that_was_rounded_is_not_rounded_again(value: float):
    assert gauge(gauge(value)) == gauge(value)


@given(st.integers(0, 2**53))
def test_a_gauge_has_three_significant_digits(value: int):
    assert significant(str(gauge(value)).encode()) is not None


def test_what_is_no_number_stays():
    assert math.isnan(gauge(math.nan))
    assert gauge(math.inf) == math.inf
    assert gauge(1e22) == 10**22


@given(COUNTS)
def test_a_counter_never_falls_and_never_runs_ahead(steps: list[int]):
    counter, true, sent = CounterSteps(8), 0, [0.0]
    for step in steps:
        true += step
        sent.append(counter.next("requests_total", true))
        assert sent[-1] <= true
        assert true - sent[-1] <= 0.01 * max(true - sent[-2], 0)
    assert all(low <= high for low, high in pairwise(sent))


@given(COUNTS)
def test_a_counter_that_stands_still_is_soon_exact(steps: list[int]):
    counter, true = CounterSteps(8), 0
    for step in steps:
        true += step
        counter.next("requests_total", true)
    for _ in range(6):
        told = counter.next("requests_total", true)
    assert told == true


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=20))
def test_a_counter_of_money_grows_by_three_digits(steps: list[int]):
    counter, true, last = CounterSteps(8), 0, None
    for step in steps:
        true += step
        told = round(counter.next("cost_usd_total", true / 10**6) * 10**6)
        if last is not None:
            assert len(str(told - last).rstrip("0")) <= 3
        last = told


def test_the_first_value_and_one_after_a_reset_are_exact():
    counter = CounterSteps(8)
    assert counter.next("requests_total", 123_456_789) == 123_456_789
    assert counter.next("requests_total", 123_461_234) == 123_461_229
    assert counter.next("requests_total", 1_234) == 1_234


def test_counters_beyond_those_remembered_are_rounded():
    counter = CounterSteps(1)
    counter.next("first_total", 1)
    assert counter.next("second_total", 123_456) == 123_000
