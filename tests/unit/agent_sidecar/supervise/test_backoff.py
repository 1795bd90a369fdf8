"""The supervisor's rules: when to start again, and how long to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_sidecar.supervise.backoff import MAX_DELAY, STEADY, Backoff, Restart


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [("on-failure", False, True), ("always", True, True), ("never", False, False)],
)
def test_when_an_agent_is_started_again(
    policy: str, after_success: bool, after_failure: bool
) -> None:
    assert Restart(policy).wanted(0) is after_success
    assert Restart(policy).wanted(1) is after_failure
    assert Restart(policy).wanted(137) is after_failure


def test_the_wait_doubles_up_to_its_cap_and_is_quick_again_after_a_steady_life() -> None:
    backoff = Backoff()
    waits = [backoff.delay(0.1, jitter=1.0) for _ in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert backoff.delay(STEADY, jitter=1.0) == 1
    assert backoff.delay(0.1, jitter=1.0) == 2


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), max_size=60))
def test_the_wait_is_never_nothing_and_never_more_than_the_cap(
    lives: list[tuple[float, float]],
) -> None:
    backoff = Backoff()
    for lived, jitter in lives:
        assert 0.5 <= backoff.delay(lived, jitter) <= MAX_DELAY
