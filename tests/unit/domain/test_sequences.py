"""Numbers of a session: gaps, repetitions, receipts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.domain.sequences import MAX_HOLES, MAX_JUMP, Sequence


def after(*numbers: int) -> Sequence:
    first, *rest = numbers
    seen = Sequence.starting(first)
    for number in rest:
        if not seen.has(number):
            seen = seen.seen(number)
    return seen


@pytest.mark.parametrize(
    ("numbers", "missing", "receipt"),
    [
        ((0,), set(), 0),
        ((0, 1, 2), set(), 2),
        ((0, 3), {1, 2}, 0),
        ((0, 3, 1), {2}, 1),
        ((0, 3, 1, 2), set(), 3),
        ((5,), set(), None),
        ((5, 6), set(), None),
        ((5, 3), {4}, None),
        ((5, 0, 1, 2, 3, 4), set(), 5),
    ],
)
def test_a_receipt_never_runs_over_a_hole(numbers, missing, receipt):
    seen = after(*numbers)
    assert {n for n in range(10) if seen.lacks(n)} == missing
    assert seen.missing == len(missing)
    assert seen.receipt() == receipt


def test_a_number_sent_again_shows_that_nothing_before_it_is_coming():
    assert after(0, 3).given_up(3).receipt() == 3
    assert after(8, 9).given_up(8).receipt() == 9


def test_a_given_up_number_that_comes_after_all_is_still_new():
    seen = after(0, 3).given_up(3)
    assert not seen.has(1)
    assert seen.seen(1).holes == ((2, 2),)


def test_a_forged_number_costs_no_memory_and_takes_no_receipt_back():
    seen = after(0, 1, 2).seen(10**15)
    assert not seen.holes
    assert seen.lost(10**15 + 2) == 1
    assert seen.receipt() == 2


def test_many_holes_stay_bounded():
    seen = Sequence.starting(0)
    for number in range(2, 10 * MAX_HOLES, 2):
        seen = seen.seen(number)
    assert len(seen.holes) <= MAX_HOLES


def test_a_full_outbox_that_beats_leap_over_is_known_message_by_message():
    seen = Sequence.starting(0)
    backlog = [number for number in range(1, 10_001) if number % 100]
    for beat in range(100, 10_001, 100):
        seen = seen.seen(beat)
    for number in backlog:
        assert not seen.has(number)
        seen = seen.seen(number)
    assert seen == Sequence(0, 10_000, 0)
    assert MAX_JUMP >= 10_000


@given(st.lists(st.integers(0, 40), min_size=1))
def test_whatever_the_order_a_number_is_new_exactly_once(numbers):
    seen = Sequence.starting(numbers[0])
    taken = [numbers[0]]
    for number in numbers[1:]:
        if not seen.has(number):
            seen = seen.seen(number)
            taken.append(number)
    assert sorted(taken) == sorted(set(numbers))


@given(st.lists(st.integers(0, 40), min_size=1))
def test_a_receipt_covers_only_what_was_seen(numbers):
    receipt = after(*numbers).receipt()
    if receipt is not None:
        assert set(range(receipt + 1)) <= set(numbers)
