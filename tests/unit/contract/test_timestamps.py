"""Timestamps and ids are made as the contract reads them."""

from __future__ import annotations

import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from fleet.contract import patterns
from fleet.contract.timestamps import epoch, timestamp, ulid, ulid_time, ulids

# From an unset clock to 2099, as the contract's years.
moments = st.floats(0, 4_102_444_799, allow_nan=False)


@given(moments)
def test_a_timestamp_satisfies_the_contract_and_comes_back(at: float) -> None:
    text = timestamp(at)
    assert re.fullmatch(patterns.TIMESTAMP, text)
    assert -1e-6 <= at - epoch(text) < 0.0011  # cut to the millisecond; a datetime has microseconds


def test_a_timestamp_is_in_utc_with_milliseconds() -> None:
    assert timestamp(1_773_869_400.1259) == "2026-03-18T21:30:00.125Z"
    assert epoch("2026-03-18T21:30:00Z") == 1_773_869_400


@given(moments)
def test_a_ulid_satisfies_the_contract(at: float) -> None:
    assert re.fullmatch(patterns.ULID, ulid(at))


@given(moments, moments)
def test_ulids_sort_by_time(one: float, other: float) -> None:
    if int(one * 1000) < int(other * 1000):
        assert ulid(one) < ulid(other)


def test_a_ulid_of_a_known_time_opens_as_the_specification_says() -> None:
    # The example of the ULID specification: 1469918176385 ms.
    assert ulid(1_469_918_176.385).startswith("01ARYZ6S41")


def test_two_ulids_of_one_moment_differ() -> None:
    assert len({ulid(1_773_869_400) for _ in range(100)}) == 100


def test_the_ulids_of_a_moment_rise_and_satisfy_the_contract() -> None:
    made = list(islice(ulids(1_800_000_000.0), 40_000))
    assert made == sorted(set(made))
    assert re.fullmatch(patterns.ULID, made[0])
    assert re.fullmatch(patterns.ULID, made[-1])


def test_a_ulid_says_when_it_was_made() -> None:
    assert ulid_time(ulid(1_800_000_000.123)) == 1_800_000_000.123
    for text in ("", "maintenance-ada", "u" * 26, "01"):
        assert ulid_time(text) == 0.0
