"""Numbers that become text together are written as each would be alone."""

from __future__ import annotations

import math
import sys
from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.contract.quantise import gauge
from fleet.metrics.number_texts import number_text, number_texts, shown_gauge, thousandths

ODD = [
    0.0, -0.0, 1e-4, 0.00009999, 1e-05, 1.00001, 5e-324, 1e15, 1e16, 1e17 + 3e3, 1.5e300, -1e16,
    2.0**53, -(2.0**53), 0.1, 10.05, 100.0, -7.0, 1_800_000_000.0, 1_800_000_000.25,
]  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from(ODD),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e6, 1e6),
)


def plain(value: float) -> str:
    """As f-strings wrote them one by one."""
    return f"{int(value) if value == int(value) else value}"


@settings(max_examples=200, deadline=None)
@example(ODD)
@given(st.lists(NUMBERS, max_size=8))
def test_numbers_written_together_are_as_each_alone(values: list[float]) -> None:
    assert number_texts(values) == [plain(one) for one in values]
    assert list(map(number_text, values)) == number_texts(values)


@pytest.mark.parametrize("value", ODD)
def test_each_odd_number_beside_plain_ones(value: float) -> None:
    assert number_texts([1.0, value, 0.5]) == ["1", plain(value), "0.5"]


@settings(max_examples=100, deadline=None)
@example([sys.float_info.max])
@given(st.lists(NUMBERS, max_size=8))
def test_gauges_written_together_are_as_each_alone(values: list[float]) -> None:
    packed = array("d", map(shown_gauge, values)).tolist()
    assert number_texts(packed) == [f"{gauge(one)}" for one in values]


def test_a_number_beyond_all_numbers_breaks_no_scrape() -> None:
    largest = sys.float_info.max
    assert number_texts([1.0, shown_gauge(largest)]) == ["1", "inf"]
    assert number_texts([math.nan, -math.inf, 1.0]) == ["nan", "-inf", "1"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=8))
def test_seconds_have_three_places(values: list[float]) -> None:
    assert thousandths(values) == [f"{one:.3f}" for one in values]
