"""Timestamps and ids are made as the contract reads them."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.contract import patterns
from fleet.contract.timestamps import epoch, moment, timestamp, ulid, ulid_time, ulids

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


@given(st.from_regex(patterns.TIMESTAMP, fullmatch=True))
def test_a_moment_is_the_one_that_its_text_says(text: str) -> None:
    assert moment(text) == epoch(text) == datetime.fromisoformat(text).timestamp()


@given(st.from_regex(patterns.TIMESTAMP, fullmatch=True), st.integers(0, 30), st.text(max_size=2))
def test_what_is_no_timestamp_has_no_moment(text: str, place: int, change: str) -> None:
    for damaged in (
        text[:place] + change + text[place:],
        text[:place] + change + text[place + 1 :],
    ):
        assert (moment(damaged) is None) is (re.fullmatch(patterns.TIMESTAMP, damaged) is None)


@pytest.mark.parametrize(
    "text",
    [
        "", "Z", "2026-03-18", "2026-03-18T21:30:00", "2026-03-18T21:30:00+00:00",
        "2026-03-18T21:30:00.Z", "2026-03-18T21:30:00.1234567Z", "2026-02-29T21:30:00Z",
        "2026-03-18t21:30:00Z", "2026-03-18T21:30:00\n", "2026-03-18T21:30:00Z\n",
        "20260318T213000Z", "2026-W12-3T21:30:00Z", "2026-03-18T24:00:00Z",
    ],
)  # fmt: skip
def test_other_forms_of_a_time_have_no_moment(text: str) -> None:
    assert moment(text) is None


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
