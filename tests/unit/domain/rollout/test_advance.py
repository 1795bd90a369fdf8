"""The rules of rollouts over random stories, and the cases that users of others complained of."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.domain.rollout.advance import called_back
from fleet.domain.rollout.errors import WrongRolloutStateError
from fleet.domain.rollout.plan import OnAbort, most_failures
from fleet.domain.rollout.rollout import moved
from fleet.domain.rollout.states import (
    EXECUTION_STEPS,
    FINAL,
    ExecutionState,
    RolloutState,
    RolloutStep,
    Step,
    Why,
)
from tests.support.rollouts import BAD, NEW, OLD, Manner, fleet_of

E = ExecutionState
GOOD = Manner.GOOD
MANNERS = st.lists(st.sampled_from([GOOD, GOOD, GOOD, *Manner]), min_size=1, max_size=16)


@settings(max_examples=80, deadline=None)
@given(
    MANNERS,
    st.sampled_from(["1,25%,100%", "100%", "2,5,50%,100%"]),
    st.integers(1, 6),
    st.sampled_from(["20%:2", "50%:1", "5%:3"]),
    st.sampled_from(list(OnAbort)),
    st.integers(0, 120),
)  # fmt: skip
def test_whatever_agents_do_the_bounds_hold_and_everything_ends(
    manners: list[Manner], waves: str, most: int, abort: str, on_abort: OnAbort, abort_at: int
) -> None:
    fleet = fleet_of(*manners, waves=waves, max_unavailable=most, abort=abort, on_abort=on_abort)
    for _ in range(abort_at):
        fleet.tick(20)
    if abort_at % 3 == 1 and fleet.rollout.state is RolloutState.RUNNING:
        fleet.rollout = moved(fleet.rollout, RolloutStep.ABORT, fleet.now, why="operator")
    fleet.run(hours=200, step=60)
    assert fleet.over, fleet.states()
    assert all(count == 1 for count in fleet.installs.values())
    assert fleet.most_failed <= most_failures(abort, len(manners))
    if not fleet.rollout.undo:
        assert fleet.most_down <= most
    asked = {one.agent for one in fleet.executions if fleet.installs[one.agent]}
    for one in fleet.executions:
        manner = fleet.agents[one.agent].manner
        if one.state is E.COMMITTED:
            assert manner is GOOD
        if one.state is E.QUEUED:
            assert fleet.rollout.state is RolloutState.ABORTED
        if one.agent not in asked:
            assert fleet.agents[one.agent].version == OLD
    if fleet.rollout.state is RolloutState.COMPLETED:
        assert all(one.state in FINAL for one in fleet.executions)
    if fleet.rollout.undo:
        assert fleet.states()[E.COMMITTED] == 0


def test_a_hundred_agents_of_which_a_fifth_is_bad_lose_no_more_than_the_threshold() -> None:
    manners = [Manner.LAZY if n % 5 == 4 else GOOD for n in range(100)]
    fleet = fleet_of(*manners, max_unavailable=10)
    fleet.run()
    states = fleet.states()
    assert fleet.rollout.state is RolloutState.ABORTED
    assert fleet.rollout.why == Why.THRESHOLD
    touched_badly = states[E.ROLLED_BACK] + states[E.ROLLBACK_FAILED]
    assert 0 < touched_badly <= 20
    assert states[E.QUEUED] > 50
    broken = [a for a in fleet.agents.values() if a.version == NEW and a.manner in BAD]
    assert broken == []


def test_a_good_version_reaches_everybody_one_wave_after_the_other() -> None:
    fleet = fleet_of(*[GOOD] * 12, max_unavailable=5)
    most: dict[int, int] = {}
    while not fleet.over:
        fleet.tick()
        most[fleet.rollout.wave] = sum(one.state is not E.QUEUED for one in fleet.executions)
    assert fleet.rollout.state is RolloutState.COMPLETED
    assert most == {1: 1, 2: 3, 3: 12}


def test_the_next_wave_waits_for_the_last_one_of_this() -> None:
    fleet = fleet_of(Manner.MUTE, GOOD, GOOD, GOOD)
    for _ in range(80):
        fleet.tick(10)
    assert fleet.rollout.wave == 1
    assert fleet.states()[E.QUEUED] == 3
    fleet.run()
    assert fleet.state("a000") is E.TIMED_OUT
    assert fleet.states()[E.COMMITTED] == 3


def test_one_that_is_away_blocks_nobody_and_is_asked_when_it_returns() -> None:
    fleet = fleet_of(GOOD, Manner.AWAY, Manner.AWAY, GOOD, waves="100%")
    fleet.agents["a002"].returns = fleet.now + 900
    fleet.run()
    assert fleet.state("a001") is E.TIMED_OUT
    assert fleet.state("a002") is E.COMMITTED
    assert fleet.rollout.state is RolloutState.COMPLETED


def test_where_the_first_is_away_the_second_is_the_first() -> None:
    """Nobody has shown that the version works: no wave of many is opened by absence."""
    fleet = fleet_of(*[Manner.AWAY] * 3, *[Manner.BROKEN] * 9, max_unavailable=12, waves="1,100%")
    fleet.run()
    assert fleet.rollout.why == Why.THRESHOLD
    assert sum(fleet.installs.values()) == 2


@pytest.mark.parametrize(
    ("manner", "end", "reason"),
    [
        (Manner.LAZY, E.ROLLED_BACK, "no-work"),
        (Manner.LYING, E.ROLLED_BACK, "wrong-version"),
        (Manner.TOO_LATE, E.ROLLED_BACK, "not-ok"),
        (Manner.BROKEN, E.ROLLED_BACK, "rolled-back"),
        (Manner.STUCK, E.ROLLBACK_FAILED, "rollback-failed"),
        (Manner.LOST, E.ROLLED_BACK, "lease-expired"),
        (Manner.DENYING, E.REJECTED, "version-refused"),
        (Manner.MUTE, E.TIMED_OUT, "no-answer"),
        (Manner.AWAY, E.TIMED_OUT, "away"),
    ],
)
def test_each_way_to_fail_ends_where_it_belongs(
    manner: Manner, end: ExecutionState, reason: str
) -> None:
    fleet = fleet_of(manner)
    fleet.run()
    (execution,) = fleet.executions
    assert (execution.state, execution.reason) == (end, reason)
    assert fleet.agents["a000"].version == OLD


def test_the_gate_wants_work_again_where_there_was_some() -> None:
    fleet = fleet_of(Manner.LAZY)
    states = []
    while not fleet.over:
        fleet.tick()
        states.append(fleet.state("a000"))
    assert E.COMMITTED not in states
    assert E.SOAKING not in states


def test_paused_asks_nobody_new_and_lets_go_on_what_was_begun() -> None:
    fleet = fleet_of(*[GOOD] * 4)
    fleet.tick()
    fleet.rollout = moved(fleet.rollout, RolloutStep.PAUSE, fleet.now)
    for _ in range(100):
        fleet.tick(20)
    assert fleet.states() == {E.COMMITTED: 1, E.QUEUED: 3}
    fleet.rollout = moved(fleet.rollout, RolloutStep.RESUME, fleet.now)
    fleet.run()
    assert fleet.states() == {E.COMMITTED: 4}


def test_an_operator_takes_back_what_was_done() -> None:
    fleet = fleet_of(*[GOOD] * 3)
    fleet.run()
    fleet.rollout, fleet.executions = called_back(fleet.rollout, fleet.executions, fleet.now)
    fleet.run()
    assert fleet.states() == {E.ROLLED_BACK: 3}
    assert fleet.rollout.state is RolloutState.ABORTED
    assert fleet.most_down == 1
    assert {agent.version for agent in fleet.agents.values()} == {OLD}


def test_a_way_back_that_failed_is_tried_again_when_an_operator_says_so() -> None:
    fleet = fleet_of(Manner.STUCK)
    fleet.run()
    assert fleet.state("a000") is E.ROLLBACK_FAILED
    fleet.agents["a000"].manner = GOOD
    fleet.rollout, fleet.executions = called_back(fleet.rollout, fleet.executions, fleet.now)
    fleet.run()
    assert fleet.state("a000") is E.ROLLED_BACK


def test_a_draft_does_nothing_and_cannot_be_called_back() -> None:
    fleet = fleet_of(GOOD)
    draft = moved(fleet.rollout, RolloutStep.PAUSE, fleet.now)
    with pytest.raises(WrongRolloutStateError, match="is paused"):
        moved(draft, RolloutStep.START, fleet.now)


def test_no_way_leads_from_a_rollback_or_a_refusal_to_a_success() -> None:
    reach = {E.ROLLING_BACK, E.ROLLED_BACK, E.ROLLBACK_FAILED, E.REJECTED, E.TIMED_OUT}
    for (before, _step), after in EXECUTION_STEPS.items():
        assert not (before in reach and after not in reach), before
    assert not any(before is E.REJECTED for before, _ in EXECUTION_STEPS)
    assert (E.COMMITTED, Step.UNDO) in EXECUTION_STEPS
