"""How long anything here waits before it tries again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.contract.backoff import STEADY, Backoff


def _whole(first: float, longest: float) -> Backoff:
    return Backoff(first, longest, chance=lambda: 1.0)


def test_the_wait_doubles_up_to_its_cap() -> None:
    backoff = _whole(1, 60)
    assert [backoff.failed(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_success_that_did_not_last_makes_no_wait_shorter() -> None:
    backoff = _whole(1, 60)
    now, waits = 0.0, []
    for _ in range(6):  # up, and lost a moment later: two who push each other out
        backoff.good(now)
        now += STEADY - 1
        waits.append(backoff.failed(now))
    assert waits == [1, 2, 4, 8, 16, 32]


def test_a_success_that_lasted_makes_the_next_wait_short_again() -> None:
    backoff = _whole(1, 60)
    for _ in range(5):
        backoff.failed(0.0)
    backoff.good(10.0)
    backoff.good(10.0 + STEADY / 2)  # it goes on, and does not begin anew
    assert not backoff.lasts(10.0 + STEADY - 1)
    assert backoff.lasts(10.0 + STEADY)
    assert backoff.failed(10.0 + STEADY) == 1
    assert backoff.failures == 1


def test_a_success_that_another_backoff_followed_is_over_too() -> None:
    backoff = _whole(1, 60)
    for _ in range(3):
        backoff.failed(0.0)
    backoff.good(10.0)
    backoff.ended(11.0)
    backoff.good(10.0 + STEADY)
    assert backoff.failed(11.0 + STEADY) == 8


def test_what_the_other_side_asks_for_is_waited_for_and_chance_comes_on_top() -> None:
    assert Backoff(1, 60, chance=lambda: 0.0).failed(0.0, at_least=7.0) == 7.5
    assert _whole(1, 60).failed(0.0, at_least=7.0) == 8.0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), max_size=60))
def test_the_wait_is_never_nothing_and_never_more_than_the_cap(
    lives: list[tuple[float, float]],
) -> None:
    chances = iter([chance for _, chance in lives])
    backoff, now = Backoff(1, 60, chance=lambda: next(chances)), 0.0
    for lived, _ in lives:
        backoff.good(now)
        now += lived
        assert 0.5 <= backoff.failed(now) <= 60


def test_a_fleet_that_lost_its_broker_at_once_does_not_return_at_once() -> None:
    first = sorted(Backoff(4, 60).failed(0.0) for _ in range(1000))
    busiest = max(sum(at <= other < at + 0.2 for other in first) for at in first[::10])
    assert busiest < 200  # evenly spread it is 100 of 1000 in each tenth of the two seconds
