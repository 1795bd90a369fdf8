"""What every store promises of claims, leases and ends; see `fleet.store.work_port`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.hub_clock import Step
from fleet.domain.work import life
from fleet.domain.work.errors import (
    InvalidTaskError,
    StaleEpochError,
    TooManyError,
    UnknownContextError,
    WrongStateError,
)
from fleet.domain.work.progress_report import ProgressReport
from fleet.domain.work.task import DAY, LEASE
from fleet.store.port import Store
from fleet.store.records import Batch
from fleet.store.work_port import WorkStore
from tests.support.stores import Place
from tests.support.telemetry import NOON
from tests.support.work import (
    ELSEWHERE,
    asked,
    blob,
    claimed,
    ended,
    keep,
    submitted,
    task_id,
)

SUBMITTED, WORKING, COMPLETED = TaskState.SUBMITTED, TaskState.WORKING, TaskState.COMPLETED
OTHER_CONTEXT = "01JQ000000000000000000C003"


# The queue


async def test_urgent_comes_first_then_who_waits_longest(work: WorkStore) -> None:
    await submitted(work, 5, NOON)
    await submitted(work, 4, NOON + 1)
    await submitted(work, 3, NOON + 2, priority=Priority.URGENT)
    await submitted(work, 2, NOON + 3, priority=Priority.HIGH)
    offered = await work.offered("larry", "lab", ["research", "x"], NOON + 9)
    order = [(await claimed(work, now=NOON + 9)).id for _ in range(4)]
    assert order == [task.id for task in offered] == [task_id(n) for n in (3, 2, 5, 4)]
    assert await work.claim("larry", "lab", ["research"], NOON + 9) is None


async def test_a_task_goes_to_whom_it_is_for_and_who_can_do_it(work: WorkStore) -> None:
    await submitted(work, 1, to="moe")
    await submitted(work, 2, kind="review")
    assert await work.claim("larry", "lab", ["research"], NOON) is None
    assert await work.claim("larry", "lab", [], NOON) is None
    mine = await work.claim("moe", "lab", ["review", "research"], NOON)
    assert mine is not None
    assert mine.id == task_id(1)
    other = await work.claim("larry", "lab", ["research", "review"], NOON)
    assert other is not None
    assert other.kind == "review"


@pytest.mark.parametrize(
    "fields", [{}, {"ttl": 30.0}, {"timeout": 5.0}, {"timeout": 5.0, "ttl": 20.0}]
)
async def test_a_claim_is_the_step_of_the_table(work: WorkStore, fields: dict[str, Any]) -> None:
    before = await submitted(work, 1, **fields)
    after = await claimed(work, now=NOON + 2)
    assert after == life.claimed(before, "larry", NOON + 2)
    assert await work.get(before.id) == after


async def test_of_many_who_claim_at_once_no_two_get_the_same(work: WorkStore) -> None:
    for number in range(10):
        await submitted(work, number)
    claims = (work.claim(f"w{n}", "lab", ["research"], NOON) for n in range(25))
    got = [task.id for task in await asyncio.gather(*claims) if task]
    assert sorted(got) == [task_id(n) for n in range(10)]


async def test_a_lease_is_durable(place: Place, store: Store) -> None:
    await submitted(store.work, 1)
    task = await claimed(store.work)
    again = place.after_a_crash().store()
    again.open()
    assert await again.work.claim("moe", "lab", ["research"], NOON) is None
    assert (await again.work.renew(task.id, "larry", 1, 50, NOON + 20)).progress == 50
    await again.close()


async def test_a_lease_that_ran_out_is_anothers_and_the_old_epoch_is_refused(
    work: WorkStore,
) -> None:
    await submitted(work, 1)
    old = await claimed(work)
    assert await work.expire(NOON + LEASE - 1) == []
    [back] = await work.expire(NOON + LEASE)
    assert (back.state, back.reason) == (SUBMITTED, TaskReason.LEASE_EXPIRED)
    assert await work.claim("moe", "lab", ["research"], NOON + LEASE) is None, "it waits a little"
    new = await claimed(work, "moe", NOON + LEASE + 10)
    assert new.epoch > old.epoch
    for call in (
        work.renew(old.id, "larry", old.epoch, 1, NOON + LEASE + 11),
        ended(work, old),
    ):
        with pytest.raises(StaleEpochError):
            await call
    assert (await ended(work, new, now=NOON + 80)).task.state is COMPLETED


async def test_a_task_whose_workers_vanish_is_lost_and_told(work: WorkStore) -> None:
    await submitted(work, 1, max_attempts=2)
    now = NOON
    for _ in range(2):
        await claimed(work, now=now)
        now += LEASE + 30
        [task] = await work.expire(now)
        now += 30
    assert (task.state, task.attempt) == (TaskState.LOST, 2)
    assert await work.untold("agent:boss") == [task]
    assert (await work.counts(now)).expiries == 2


async def test_an_end_said_twice_is_no_error_and_another_end_is(work: WorkStore) -> None:
    await keep(work, blob("r"), blob("s"))
    await submitted(work, 1)
    task = await claimed(work)
    done = await ended(work, task, COMPLETED, blob("r"))
    assert await ended(work, task, COMPLETED, blob("r"), now=NOON + 9) == (done.task, ())
    for state, output in ((TaskState.FAILED, ()), (COMPLETED, (blob("s"),))):
        with pytest.raises(WrongStateError):
            await ended(work, task, state, *output)
    assert (await work.get(task.id)).output == (blob("r"),)


async def test_a_failed_attempt_is_tried_again_later_as_long_as_there_are_some(
    work: WorkStore,
) -> None:
    await submitted(work, 1, max_attempts=2)
    task = (await ended(work, await claimed(work), TaskState.FAILED)).task
    assert (task.state, task.reason) == (SUBMITTED, TaskReason.WORKER_EXIT)
    later = task.not_before
    assert await work.claim("larry", "lab", ["research"], later - 0.1) is None
    task = (await ended(work, await claimed(work, now=later), TaskState.FAILED)).task
    assert task.state is TaskState.FAILED


async def test_an_output_must_have_been_stored_for_the_context(work: WorkStore) -> None:
    await submitted(work, 1)
    await keep(work, blob("theirs"), context=ELSEWHERE)
    task = await claimed(work)
    for output in (blob("nowhere"), blob("theirs")):
        with pytest.raises(InvalidTaskError, match="not stored"):
            await ended(work, task, COMPLETED, output)
    assert (await work.get(task.id)).state is WORKING, "and its worker may put that right"


async def test_time_to_live_ends_whoever_works(work: WorkStore) -> None:
    await submitted(work, 1, ttl=30.0)
    await submitted(work, 2, ttl=30.0)
    await claimed(work)
    assert await work.claim("larry", "lab", ["research"], NOON + 30) is None, "it is over"
    gone = await work.expire(NOON + 30)
    assert {task.state for task in gone} == {TaskState.TIMED_OUT}
    assert len(gone) == 2


async def test_expiry_is_bounded_and_goes_on(work: WorkStore) -> None:
    for number in range(5):
        await submitted(work, number, ttl=1.0)
    assert [len(await work.expire(NOON + 9, 2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_clock_that_was_wrong_ends_no_task(work: WorkStore) -> None:
    await submitted(work, 1)
    await claimed(work)
    await work.restamp(Step(7200.0, since=NOON - 60, until=NOON + 5))
    assert await work.expire(NOON + 7200 + 30) == []
    assert len(await work.expire(NOON + 7200 + LEASE)) == 1


# What a person does


async def test_a_cancelled_task_ends_at_once_or_with_its_worker(work: WorkStore) -> None:
    await submitted(work, 1)
    waiting = await submitted(work, 2)
    running = await claimed(work)
    assert (await work.cancel(waiting.id, "lab", NOON)).task.state is TaskState.CANCELED
    assert (await work.cancel(running.id, None, NOON)).task.state is WORKING
    assert (await work.cancel(running.id, None, NOON)).task.cancel, "again: the same"
    assert (await work.renew(running.id, "larry", 1, 3, NOON + 30)).cancel
    [gone] = await work.expire(NOON + LEASE)
    assert (gone.state, gone.reason) == (TaskState.CANCELED, TaskReason.CANCEL_ASKED)
    with pytest.raises(StaleEpochError):
        await ended(work, running)


async def test_a_worker_that_asks_gets_its_answer(work: WorkStore) -> None:
    await keep(work, blob("question"), blob("answer"))
    await submitted(work, 1)
    task = await claimed(work)
    asking = (await ended(work, task, TaskState.INPUT_REQUIRED, blob("question"))).task
    assert asking.output == (blob("question"),)
    with pytest.raises(InvalidTaskError):
        await work.give_input(task.id, "lab", [blob("unknown")], NOON)
    await work.give_input(task.id, "lab", [blob("answer")], NOON)
    again = await claimed(work, "moe")
    assert (again.input, again.attempt) == ((blob("answer"),), 1)


async def test_what_a_person_must_approve_waits_and_nobody_sees_it(work: WorkStore) -> None:
    await keep(work, blob("a"))
    mine = await submitted(work, 1)
    fields = {"group": "office", "state": TaskState.AUTH_REQUIRED, "input": (blob("a"),)}
    for number in (2, 3):
        await submitted(work, number, context=ELSEWHERE, **fields)
    assert await work.claim("ann", "office", ["research"], NOON) is None
    assert await work.blob_size(blob("a").digest, ELSEWHERE) is None
    assert (await work.approve(task_id(2), True, NOON)).task.state is SUBMITTED
    assert await work.blob_size(blob("a").digest, ELSEWHERE) == 1, "it is theirs as well now"
    no = (await work.approve(task_id(3), False, NOON)).task
    assert (no.state, no.reason) == (TaskState.REJECTED, TaskReason.NOT_APPROVED)
    with pytest.raises(WrongStateError):
        await work.approve(mine.id, True, NOON)


async def test_nobody_is_asked_to_approve_without_end(
    work: WorkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import task_calls

    monkeypatch.setattr(task_calls, "MAX_UNAPPROVED", 2)
    fields = {"group": "office", "context": ELSEWHERE, "state": TaskState.AUTH_REQUIRED}
    for number in range(2):
        await submitted(work, number, **fields)
    with pytest.raises(TooManyError):
        await work.submit(asked(3, **fields), NOON)
    await submitted(work, 3, by="agent:other", context=OTHER_CONTEXT, **{
        key: value for key, value in fields.items() if key != "context"
    })  # fmt: skip


async def test_to_another_group_one_gives_what_is_ones_own_and_in_a_context_apart(
    work: WorkStore,
) -> None:
    await keep(work, blob("not mine"))
    fields = {"group": "office", "state": TaskState.AUTH_REQUIRED, "by": "agent:eve"}
    with pytest.raises(InvalidTaskError, match="not stored"):
        await work.submit(asked(1, context=ELSEWHERE, input=(blob("not mine"),), **fields), NOON)
    await submitted(work, 2, group="office", context=ELSEWHERE)
    with pytest.raises(UnknownContextError):
        await work.submit(asked(3, context=ELSEWHERE, **fields), NOON)


async def test_an_operator_gives_a_new_life(work: WorkStore) -> None:
    await submitted(work, 1, max_attempts=1)
    lost = (await ended(work, await claimed(work), TaskState.FAILED)).task
    await work.acknowledge("agent:boss", [lost.id], NOON)
    back = (await work.retry(lost.id, NOON + 8 * DAY)).task
    assert (back.state, back.attempt, back.told) == (SUBMITTED, 0, False)
    await ended(work, await claimed(work, now=NOON + 8 * DAY), now=NOON + 8 * DAY)
    with pytest.raises(WrongStateError):
        await work.retry(lost.id, NOON + 8 * DAY)
    assert len(await work.untold("agent:boss")) == 1


async def test_an_agent_that_was_revoked_leaves_nothing_that_waits_for_it(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2, to="larry")
    await submitted(work, 3, after=(task_id(2),))
    await submitted(work, 4, to="moe")
    held = await claimed(work)
    await work.grant("larry", ["x"], NOON + 60, NOON)
    changed = {task.id: task for task in await work.agent_gone("larry", NOON + 5)}
    assert set(changed) == {task_id(1), task_id(2), task_id(3)}
    assert (changed[held.id].state, changed[held.id].attempt) == (SUBMITTED, 1)
    assert changed[task_id(2)].reason is TaskReason.AGENT_GONE
    assert changed[task_id(3)].reason is TaskReason.DEPENDENCY_FAILED
    assert not await work.may_read("larry", "lab", "x", NOON + 5)
    with pytest.raises(StaleEpochError):
        await ended(work, held)
    assert (await claimed(work, "curly", NOON + 60)).id == task_id(1)


# What is said on the bus


def report(task: str, progress: int, epoch: int = 1, agent: str = "larry") -> ProgressReport:
    return ProgressReport(agent, NOON, task, epoch, 1, WORKING, progress, None, NOON)


async def test_progress_that_was_told_on_the_bus_is_seen_and_renews_nothing(store: Store) -> None:
    work = store.work
    await submitted(work, 1)
    held = await claimed(work)
    until = held.lease_until
    told = [report(held.id, 40), report(held.id, 30), report(task_id(9), 50)]
    await store.commit(Batch(progress=told))
    await store.commit(Batch(progress=told))
    seen = await work.get(held.id)
    assert (seen.progress, seen.lease_until, seen.epoch) == (40, until, 1)


async def test_who_does_not_hold_a_task_tells_nothing_of_it(store: Store) -> None:
    work = store.work
    await submitted(work, 1)
    held = await claimed(work)
    others = [
        report(held.id, 90, epoch=0),
        report(held.id, 90, epoch=2),
        report(held.id, 90, 1, "moe"),
    ]
    await store.commit(Batch(progress=others))
    assert (await work.get(held.id)).progress == 0
