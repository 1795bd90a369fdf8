"""The life of one task, step by step and over random stories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.work import life
from fleet.domain.work.errors import StaleEpochError, WrongStateError
from fleet.domain.work.steps import STEPS, Step
from fleet.domain.work.submission import begun
from fleet.domain.work.task import DAY, LEASE, Descriptor, Task

NOON = 1_800_000_000.0
ID = "01JQ0000000000000000000001"
CONTEXT = "01JQ0000000000000000000002"
RESULT = Descriptor("sha256:" + "0" * 64, 4)


def task(**fields: Any) -> Task:
    return begun(Task(ID, "lab", CONTEXT, "research", NOON, by="cli", **fields), 0, NOON)


def working(**fields: Any) -> Task:
    return life.claimed(task(**fields), "larry", NOON)


def end(task: Task, state: TaskState, now: float = NOON + 9, **more: Any) -> Task:
    output, reason = more.get("output", ()), more.get("reason")
    return life.finished(task, task.holder, task.epoch, state, output, reason, now)


def test_a_claim_counts_the_attempt_and_opens_an_epoch_before_anything_starts() -> None:
    claimed = working()
    assert (claimed.attempt, claimed.epoch, claimed.holder) == (1, 1, "larry")
    assert claimed.lease_until == NOON + LEASE


def test_a_lease_never_reaches_beyond_the_time_out_or_the_time_to_live() -> None:
    assert working(ttl=10.0).lease_until == NOON + 10
    slow = working(timeout=30.0)
    renewed = life.renewed(slow, "larry", 1, 50, NOON + 29)
    assert renewed.lease_until == NOON + 30 + life.GRACE
    for later in range(29, 50, 7):
        renewed = life.renewed(renewed, "larry", 1, 50, NOON + later)
    over = life.expired(renewed, NOON + 50)
    assert (over.state, over.reason) == (TaskState.SUBMITTED, TaskReason.WORKER_TIMEOUT)


def test_progress_never_goes_back_and_is_a_percentage() -> None:
    renewed = life.renewed(working(), "larry", 1, 400, NOON + 1)
    assert renewed.progress == 100
    assert life.renewed(renewed, "larry", 1, 10, NOON + 2).progress == 100


def test_the_last_attempt_that_fails_ends_the_task_and_a_loop_of_crashes_with_it() -> None:
    one, now, claims = task(max_attempts=4), NOON, 0
    while not one.final:
        now = max(now, one.not_before)
        one = end(life.claimed(one, "larry", now), TaskState.FAILED, now + 1)
        claims += 1
    assert (claims, one.state, one.reason) == (4, TaskState.FAILED, TaskReason.WORKER_EXIT)
    assert now > NOON + 1 + 2.5 + 5 + 10, "each wait was longer than the one before"


def test_a_task_whose_workers_vanish_is_lost() -> None:
    one, now = task(), NOON
    for _ in range(3):
        now = max(now, one.not_before)
        one = life.claimed(one, "larry", now)
        now += LEASE
        one = life.expired(one, now)
    assert (one.state, one.reason) == (TaskState.LOST, TaskReason.LEASE_EXPIRED)


@pytest.mark.parametrize("reason", sorted(life.UNMENDABLE))
def test_what_another_attempt_would_not_mend_is_not_tried_again(reason: TaskReason) -> None:
    assert end(working(), TaskState.FAILED, reason=reason).state is TaskState.FAILED


def test_who_comes_late_is_refused_once_another_has_claimed() -> None:
    again = life.expired(working(), NOON + LEASE)
    for agent in ("moe", "larry"):
        late = life.claimed(again, agent, NOON + 100)
        with pytest.raises(StaleEpochError, match="epoch 1, it is at"):
            life.renewed(late, "larry", 1, 50, NOON + 101)
        with pytest.raises(StaleEpochError):
            life.finished(late, "larry", 1, TaskState.COMPLETED, (RESULT,), None, NOON + 101)


def test_a_result_that_comes_after_its_lease_counts_if_nobody_has_claimed_the_task_since() -> None:
    again = life.expired(working(), NOON + LEASE)
    done = life.finished(again, "larry", 1, TaskState.COMPLETED, (RESULT,), None, NOON + 5000)
    assert (done.state, done.output, done.attempt) == (TaskState.COMPLETED, (RESULT,), 1)
    assert end(done, TaskState.COMPLETED, NOON + 5001, output=(RESULT,)) is done, "said again"
    with pytest.raises(StaleEpochError):
        life.finished(again, "moe", 1, TaskState.COMPLETED, (RESULT,), None, NOON + 5000)


def test_a_lease_that_is_taken_up_again_is_a_lease_and_its_attempt_is_not_counted_twice() -> None:
    again = life.expired(working(), NOON + LEASE)
    back = life.renewed(again, "larry", 1, 50, NOON + 300, result=True)
    assert (back.state, back.attempt, back.epoch) == (TaskState.WORKING, 1, 1)
    assert back.lease_until == NOON + 300 + LEASE
    with pytest.raises(WrongStateError):
        life.claimed(back, "moe", NOON + 301)
    other = life.claimed(life.expired(back, NOON + 300 + LEASE), "moe", NOON + 400)
    assert other.epoch > back.epoch, "no two leases have one epoch"


def test_a_worker_that_lives_is_given_no_lease_back_that_ran_out() -> None:
    again = life.expired(working(), NOON + LEASE)
    with pytest.raises(StaleEpochError):
        life.renewed(again, "larry", 1, 50, NOON + LEASE + 1)


def test_beyond_the_time_out_a_lease_is_taken_up_once() -> None:
    again = life.expired(working(timeout=300.0), NOON + LEASE)
    back = life.renewed(again, "larry", 1, 50, NOON + 5000, result=True)
    assert back.lease_until == NOON + 5000 + LEASE, "time to hand over what was made"
    assert life.renewed(back, "larry", 1, 60, NOON + 5030).lease_until == back.lease_until
    over = life.expired(back, NOON + 5000 + LEASE)
    assert over.reason is TaskReason.WORKER_TIMEOUT
    with pytest.raises(StaleEpochError):
        life.renewed(over, "larry", 1, 70, NOON + 5100, result=True)


@pytest.mark.parametrize("fields", [{"max_attempts": 1}, {"ttl": 90.0}])
def test_what_has_ended_meanwhile_stays_ended_whoever_comes_late(fields: dict[str, Any]) -> None:
    gone = life.expired(life.expired(working(**fields), NOON + LEASE), NOON + 95)
    assert gone.final
    with pytest.raises(StaleEpochError):
        life.renewed(gone, "larry", 1, 50, NOON + 96, result=True)
    failed = end(working(), TaskState.FAILED)
    with pytest.raises(WrongStateError):
        end(failed, TaskState.COMPLETED)


def test_the_epoch_of_another_is_no_key() -> None:
    with pytest.raises(StaleEpochError):
        life.finished(working(), "moe", 1, TaskState.COMPLETED, (), None, NOON + 1)


def test_an_end_said_twice_is_one_end_and_another_end_is_refused() -> None:
    done = end(working(), TaskState.COMPLETED, output=(RESULT,))
    assert end(done, TaskState.COMPLETED, NOON + 20, output=(RESULT,)) is done
    with pytest.raises(WrongStateError, match="it is completed"):
        end(done, TaskState.COMPLETED)  # with another result
    with pytest.raises(WrongStateError):
        end(done, TaskState.FAILED)
    failed = end(working(), TaskState.FAILED)
    assert end(failed, TaskState.FAILED, NOON + 20) is failed, "its next attempt waits already"


def test_a_cancelled_worker_is_told_and_its_lease_does_not_grow() -> None:
    flagged = life.canceled(working(), NOON + 5)
    assert (flagged.state, flagged.cancel) == (TaskState.WORKING, True)
    renewed = life.renewed(flagged, "larry", 1, 10, NOON + 50)
    assert renewed.lease_until == NOON + LEASE
    gone = life.expired(renewed, NOON + LEASE)
    assert (gone.state, gone.reason) == (TaskState.CANCELED, TaskReason.CANCEL_ASKED)
    assert end(flagged, TaskState.CANCELED).state is TaskState.CANCELED
    assert end(flagged, TaskState.FAILED).state is TaskState.CANCELED, "no further attempt"
    assert end(flagged, TaskState.COMPLETED).state is TaskState.COMPLETED, "it was faster"


def test_a_worker_cannot_cancel_what_nobody_called_off() -> None:
    with pytest.raises(WrongStateError):
        end(working(), TaskState.CANCELED)


def test_to_cancel_again_changes_nothing_and_an_end_stays() -> None:
    gone = life.canceled(task(), NOON + 1)
    assert life.canceled(gone, NOON + 2) is gone
    with pytest.raises(WrongStateError):
        life.canceled(end(working(), TaskState.COMPLETED), NOON + 10)


def test_to_ask_for_more_costs_no_attempt() -> None:
    one = task(max_attempts=1)
    for turn in range(5):
        asked = end(life.claimed(one, "larry", NOON), TaskState.INPUT_REQUIRED, output=(RESULT,))
        one = life.answered(asked, [RESULT], NOON + 10)
        assert (one.state, one.attempt, len(one.input)) == (TaskState.SUBMITTED, 0, turn + 1)


def test_a_person_allows_or_refuses_what_waits_for_one() -> None:
    waiting = task(state=TaskState.AUTH_REQUIRED)
    assert life.approved(waiting, NOON + 5).state is TaskState.SUBMITTED
    no = life.refused(waiting, NOON + 5)
    assert (no.state, no.reason) == (TaskState.REJECTED, TaskReason.NOT_APPROVED)
    with pytest.raises(WrongStateError):
        life.claimed(waiting, "larry", NOON)


def test_a_new_life_keeps_old_workers_out() -> None:
    lost = end(working(max_attempts=1), TaskState.FAILED)
    again = life.retried(lost, NOON + 8 * DAY)
    assert (again.attempt, again.expires) == (0, NOON + 15 * DAY)
    assert again.ended is None
    claimed = life.claimed(again, "larry", NOON + 8 * DAY)
    with pytest.raises(StaleEpochError):
        life.renewed(claimed, "larry", lost.epoch, 1, NOON + 8 * DAY)
    with pytest.raises(WrongStateError):
        life.retried(end(working(), TaskState.COMPLETED), NOON)


def test_dependencies_are_counted_and_one_that_never_will_be_breaks_the_task() -> None:
    done, open_, lost = TaskState.COMPLETED, TaskState.WORKING, TaskState.LOST
    assert life.waits([]) == 0
    assert life.waits([done, open_, open_]) == 2
    assert life.waits([done, open_, lost]) is None
    broken = life.broken(task(), NOON)
    assert (broken.state, broken.reason) == (TaskState.REJECTED, TaskReason.DEPENDENCY_FAILED)


@pytest.mark.parametrize("by", [-7200.0, 7200.0])
def test_a_clock_that_was_wrong_takes_no_time_from_a_task(by: float) -> None:
    one = working()
    moved = life.restamped(one, ClockStep(by, since=NOON - 60, until=NOON + 10))
    assert moved.expires == one.expires + by
    assert moved.lease_until is not None
    assert moved.lease_until == pytest.approx(NOON + LEASE + by)
    before = life.restamped(one, ClockStep(by, since=NOON + 5, until=NOON + 10))
    assert before == one, "what was stamped before the clock went wrong was right"


def test_no_step_leaves_an_end_but_an_operators() -> None:
    leaving = {step for (state, step) in STEPS if state in FINAL}
    assert leaving == {Step.RETRY}
    assert (TaskState.COMPLETED, Step.RETRY) not in STEPS
    ends = {state for state in TaskState if state in FINAL}
    for state in set(TaskState) - ends:
        assert (state, Step.TTL_OVER) in STEPS, "nothing waits for ever"
        assert (state, Step.CANCEL) in STEPS


Act = Callable[[Task, float], Task]
ACTS: dict[str, Act] = {
    "claim": lambda t, now: life.claimed(t, "larry", now),
    "claim by another": lambda t, now: life.claimed(t, "moe", now),
    "renew": lambda t, now: life.renewed(t, t.holder, t.epoch, 10, now),
    "old renew": lambda t, now: life.renewed(t, "larry", t.epoch - 1, 10, now),
    "late renew": lambda t, now: life.renewed(t, "larry", t.epoch - 1, 10, now, result=True),
    "complete": lambda t, now: end(t, TaskState.COMPLETED, now),
    "old complete": lambda t, now: life.finished(
        t, "larry", t.epoch - 1, TaskState.COMPLETED, (), None, now
    ),
    "fail": lambda t, now: end(t, TaskState.FAILED, now),
    "reject": lambda t, now: end(t, TaskState.REJECTED, now),
    "ask": lambda t, now: end(t, TaskState.INPUT_REQUIRED, now),
    "answer": lambda t, now: life.answered(t, (), now),
    "cancel": life.canceled,
    "approve": life.approved,
    "refuse": life.refused,
    "break": life.broken,
    "time": life.expired,
}
STORIES = st.lists(
    st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from([0.0, 1.0, 20.0, 61.0, 4000.0])),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STORIES, st.integers(1, 4), st.sampled_from([TaskState.SUBMITTED, TaskState.AUTH_REQUIRED]))
def test_in_every_story_ends_are_ends_and_attempts_and_leases_have_bounds(
    story: list[tuple[str, float]], most: int, first: TaskState
) -> None:
    one, now = task(max_attempts=most, timeout=300.0, ttl=20_000.0, state=first), NOON
    given: list[tuple[int, str]] = []
    """Epoch and holder of every lease, the newest last."""
    for name, wait in story:
        now += wait
        try:
            after = ACTS[name](one, now)
        except (WrongStateError, StaleEpochError):
            continue
        if name.startswith("old"):  # refused in every state, but for the last one who held it
            assert given[-1] == (one.epoch - 1, "larry")
            assert (one.state, one.reason) == (TaskState.SUBMITTED, TaskReason.LEASE_EXPIRED)
            assert after.epoch == one.epoch - 1
        elif name.startswith("claim"):
            assert all(epoch < after.epoch for epoch, _ in given), "an epoch is one lease's"
            given.append((after.epoch, after.holder))
        else:
            assert one.epoch <= after.epoch <= one.epoch + 1
        if after.state is TaskState.WORKING:
            assert given[-1] == (after.epoch, after.holder), "who claimed last works, nobody else"
        if one.final:
            assert after == one
        assert after.attempt <= most
        if after.holder != one.holder:
            assert after.epoch > one.epoch, "two holders never share an epoch"
        assert (after.lease_until is not None) == (after.state is TaskState.WORKING)
        if after.lease_until is not None:
            assert after.lease_until <= min(now + LEASE, after.expires)
        assert (after.ended is not None) == after.final
        one = after
    # Whatever happened: with time alone it comes to an end, and soon nobody works at it.
    for _ in range(2):
        now += LEASE
        one = life.expired(one, now)
    assert one.state is not TaskState.WORKING
    one = life.expired(one, NOON + 20_000 + now)
    assert one.final


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20), st.text("0123456789ABCDEF", min_size=26, max_size=26))
def test_waits_between_attempts_grow_and_are_spread(attempt: int, id_: str) -> None:
    wait = life.wait_after(replace(task(), id=id_, attempt=attempt))
    whole = min(life.LONGEST_WAIT, life.FIRST_WAIT * 2 ** (attempt - 1))
    assert whole / 2 <= wait <= whole
