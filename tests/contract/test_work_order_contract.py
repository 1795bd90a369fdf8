"""What every store promises of tasks that wait for others, and of what goes or must not; see
`fleet.store.work_port`."""

from __future__ import annotations

import asyncio

import pytest

from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.work.errors import (
    CyclicError,
    InvalidTaskError,
    UnknownContextError,
    UnknownTaskError,
)
from fleet.domain.work.task import DAY
from fleet.store.port import Store, StoreError, StoreFullError
from fleet.store.work_port import WorkStore
from tests.support.stores import Place, finish_upkeep
from tests.support.telemetry import NOON
from tests.support.work import (
    CONTEXT,
    ELSEWHERE,
    asked,
    claimed,
    ended,
    submitted,
    task_id,
)

SUBMITTED, WORKING, COMPLETED = TaskState.SUBMITTED, TaskState.WORKING, TaskState.COMPLETED
OTHER_CONTEXT = "01JQ000000000000000000C003"


# Those that wait for others


async def test_a_task_starts_when_all_that_come_first_are_completed(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2)
    last = await submitted(work, 3, after=(task_id(1), task_id(2)))
    one, two = await claimed(work), await claimed(work)
    assert (await ended(work, one)).others == ()
    assert await work.claim("larry", "lab", ["research"], NOON) is None
    assert (await ended(work, two)).others == (last,)
    assert (await claimed(work)).id == last.id
    late = await submitted(work, 4, after=(task_id(1),))
    assert (await claimed(work)).id == late.id, "what it waits for was there before"


async def test_what_can_never_start_ends_with_what_it_waits_for(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2, after=(task_id(1),))
    await submitted(work, 3, after=(task_id(2), task_id(1)))
    free = await submitted(work, 4)
    changed = await work.cancel(task_id(1), None, NOON)
    assert [task.id for task in changed.others] == [task_id(2), task_id(3)]
    assert {task.reason for task in changed.others} == {TaskReason.DEPENDENCY_FAILED}
    assert (await work.get(free.id)).state is SUBMITTED
    at_once = await submitted(work, 5, after=(task_id(2),))
    assert at_once.state is TaskState.REJECTED
    assert at_once in await work.untold("agent:boss")


async def test_a_retried_chain_runs_in_its_order(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2, after=(task_id(1),))
    await work.cancel(task_id(1), None, NOON)
    assert (await work.retry(task_id(2), NOON)).task.state is TaskState.REJECTED, "still broken"
    await work.retry(task_id(1), NOON)
    await work.retry(task_id(2), NOON)
    first = await claimed(work)
    assert first.id == task_id(1)
    assert await work.claim("larry", "lab", ["research"], NOON) is None
    await ended(work, first)
    assert (await claimed(work)).id == task_id(2)


async def test_nothing_waits_in_a_circle_or_for_what_is_not_there(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2, parent=task_id(1))
    await submitted(work, 3, context=OTHER_CONTEXT)
    for other in (4, 2, 1):
        with pytest.raises(CyclicError):
            await work.submit(asked(4, parent=task_id(2), after=(task_id(other),)), NOON)
    for other in (9, 3):
        with pytest.raises(UnknownTaskError):
            await work.submit(asked(4, after=(task_id(other),)), NOON)


# What goes, and what must not


async def test_an_end_that_was_acknowledged_goes_after_a_month_with_its_context(
    store: Store,
) -> None:
    work = store.work
    for number in (1, 2):
        await submitted(work, number)
        await ended(work, await claimed(work))
    await submitted(work, 3, context=ELSEWHERE, ttl=90 * DAY)
    await work.acknowledge("agent:boss", [task_id(1)], NOON)
    await finish_upkeep(store, NOON + 29 * DAY)
    assert len((await work.tasks()).tasks) == 3
    await finish_upkeep(store, NOON + 31 * DAY)
    assert [t.id for t in (await work.tasks()).tasks] == [task_id(3), task_id(2)]
    assert (await work.context(CONTEXT)).group == "lab"
    await finish_upkeep(store, NOON + 91 * DAY)  # nobody ever asked for the other
    with pytest.raises(UnknownContextError):
        await work.context(CONTEXT)
    assert [t.id for t in (await work.tasks()).tasks] == [task_id(3)], "what is open stays"
    assert (await work.counts(NOON)).ended == {COMPLETED: 2}, "totals stay"


async def test_a_group_that_keeps_too_many_loses_those_that_were_told_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import in_memory_tasks, sql_forgetting

    for module in (in_memory_tasks, sql_forgetting):
        monkeypatch.setattr(module, "MAX_KEPT", 6)
    for number in range(5):
        await submitted(store.work, number)
        await ended(store.work, await claimed(store.work))
    await store.work.acknowledge("agent:boss", [task_id(0), task_id(1)], NOON)
    await finish_upkeep(store, NOON)
    assert [t.id for t in (await store.work.tasks()).tasks] == [task_id(n) for n in (4, 3, 2)]


async def test_a_full_disk_takes_nothing_and_loses_nothing(place: Place, store: Store) -> None:
    work = store.work
    await submitted(work, 1)
    many = [asked(n, context=f"01JQ0000000000000000C{n:05}") for n in range(2, 2000)]
    with place.full(store):
        calls = (work.submit(task, NOON) for task in many)
        answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert refused
    assert {type(error) for error in refused} == {StoreFullError}
    await submitted(work, 5000)
    stored = len((await work.tasks(limit=3000)).tasks)
    assert stored == 2 + len(many) - len(refused)


async def test_one_bad_call_among_many_at_once_spoils_no_other(work: WorkStore) -> None:
    calls = [work.submit(asked(n, kind="research" if n % 3 else "No"), NOON) for n in range(12)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    bad = [isinstance(answer, InvalidTaskError) for answer in answers]
    assert bad == [n % 3 == 0 for n in range(12)]
    assert len((await work.tasks()).tasks) == 8


async def test_a_caller_that_goes_away_stops_nobody(work: WorkStore) -> None:
    calls = [asyncio.create_task(work.submit(asked(n), NOON)) for n in range(10)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    stored = {task.id for task in (await work.tasks()).tasks}
    for number in (1, 3, 5, 7, 9):
        assert not isinstance(answers[number], BaseException)
        assert task_id(number) in stored


async def test_a_closed_store_takes_nothing(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreError):
        await store.work.submit(asked(1), NOON)
