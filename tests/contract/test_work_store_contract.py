"""What every store promises of tasks: submission, lists, results and figures. See
`fleet.store.work_port`; leases, boards and what goes have suites of their own beside this one."""

from __future__ import annotations

import asyncio

import pytest

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work import limits
from fleet.domain.work.errors import (
    ConflictError,
    InvalidTaskError,
    TooManyError,
    UnknownContextError,
    UnknownTaskError,
)
from fleet.store.port import Store
from fleet.store.work_port import WorkStore
from tests.support.stores import Place
from tests.support.telemetry import NOON
from tests.support.work import (
    CONTEXT,
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


# Submission


async def test_a_task_sent_again_is_the_same_task_in_whatever_state_it_is(work: WorkStore) -> None:
    await submitted(work, 1)
    assert (await work.submit(asked(1), NOON + 5))[1] is False
    await claimed(work)
    again, new = await work.submit(asked(1), NOON + 9)
    assert (again.state, new) == (WORKING, False)
    assert len((await work.tasks()).tasks) == 1


async def test_many_who_send_the_same_task_at_once_make_one(work: WorkStore) -> None:
    answers = await asyncio.gather(*(work.submit(asked(1), NOON) for _ in range(20)))
    assert sum(new for _task, new in answers) == 1


async def test_an_id_names_one_content_for_ever(work: WorkStore) -> None:
    await submitted(work, 1)
    for change in ({"kind": "review"}, {"to": "moe"}, {"group": "office", "context": ELSEWHERE}):
        with pytest.raises(ConflictError):
            await work.submit(asked(1, **change), NOON)


async def test_what_comes_back_is_what_went_in(place: Place, store: Store) -> None:
    inputs = (blob("a"), blob("b"))
    await keep(store.work, *inputs)
    first, other = await submitted(store.work, 1), await submitted(store.work, 3)
    task = await submitted(
        store.work, 2, to="moe", input=inputs, after=(first.id,), parent=other.id, ttl=99.5,
        priority=Priority.URGENT, timeout=7.0, max_attempts=2,
    )  # fmt: skip
    assert (task.depth, task.created, task.expires) == (1, NOON, NOON + 99.5)
    assert await store.work.get(task.id) == task
    again = place.after_a_crash().store()
    again.open()
    assert await again.work.get(task.id) == task
    assert (await again.work.submit(asked(1), NOON))[1] is False
    await again.close()


async def test_a_bad_field_is_refused_and_leaves_nothing(work: WorkStore) -> None:
    with pytest.raises(InvalidTaskError):
        await work.submit(asked(1, kind="Not a kind"), NOON)
    with pytest.raises(UnknownTaskError):
        await work.get(task_id(1))
    with pytest.raises(UnknownContextError):
        await work.context(CONTEXT)


async def test_a_context_of_another_group_is_unknown(work: WorkStore) -> None:
    await submitted(work, 1, group="office")
    with pytest.raises(UnknownContextError):
        await work.submit(asked(2), NOON)
    with pytest.raises(UnknownContextError):
        await work.context(CONTEXT, "lab")
    assert (await work.context(CONTEXT, "office")).group == "office"


async def test_a_task_of_another_group_is_unknown(work: WorkStore) -> None:
    task = await submitted(work, 1)
    for call in (
        work.get(task.id, "office"),
        work.cancel(task.id, "office", NOON),
        work.give_input(task.id, "office", (), NOON),
    ):
        with pytest.raises(UnknownTaskError):
            await call
    assert (await work.tasks(group="office")).tasks == []
    assert (await work.changes(group="office")).tasks == []
    assert await work.claim("larry", "office", ["research"], NOON) is None
    assert await work.get(task.id, "lab") == task


async def test_delegation_ends_at_its_depth_whether_or_not_the_parent_is_named(
    work: WorkStore,
) -> None:
    number = 1
    await submitted(work, number)
    for depth in range(1, limits.MAX_DEPTH + 1):
        number += 1
        task = await submitted(work, number, parent=task_id(number - 1))
        assert task.depth == depth
    with pytest.raises(InvalidTaskError, match="delegated 5 times"):
        await work.submit(asked(9, parent=task_id(number)), NOON)
    for _ in range(number):
        await claimed(work)
    with pytest.raises(InvalidTaskError, match="delegated 5 times"):
        await work.submit(asked(9, by="agent:larry"), NOON)
    await submitted(work, 9, by="agent:moe")


async def test_a_parent_must_be_known(work: WorkStore) -> None:
    with pytest.raises(UnknownTaskError):
        await work.submit(asked(1, parent=task_id(7)), NOON)


async def test_what_is_full_says_so_and_takes_no_more(
    work: WorkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import task_calls

    monkeypatch.setattr(task_calls, "MAX_CONTEXT_TASKS", 3)
    for number in range(3):
        await submitted(work, number)
    with pytest.raises(TooManyError, match="3 tasks in this context"):
        await work.submit(asked(9), NOON)
    monkeypatch.setattr(task_calls, "MAX_QUEUED", 3)
    with pytest.raises(TooManyError, match="3 tasks of this group that wait"):
        await work.submit(asked(9, context=ELSEWHERE), NOON)
    await claimed(work)
    await submitted(work, 9, context=ELSEWHERE)
    with pytest.raises(TooManyError):
        await work.submit(asked(10, context=ELSEWHERE), NOON)
    await work.cancel(task_id(9), None, NOON)
    monkeypatch.setattr(task_calls, "MAX_KEPT", 4)
    with pytest.raises(TooManyError, match="4 tasks of this group already"):
        await work.submit(asked(10, context=ELSEWHERE), NOON)


# Results, lists and figures


async def test_an_end_is_told_until_its_submitter_says_that_it_has_it(
    place: Place, store: Store
) -> None:
    work = store.work
    for number in (1, 2):
        await submitted(work, number)
        await ended(work, await claimed(work), now=NOON + number)
    await submitted(work, 3, by="cli")
    again = place.after_a_crash().store()
    again.open()
    assert [t.id for t in await again.work.untold("agent:boss")] == [task_id(1), task_id(2)]
    await again.close()
    assert [t.id for t in await work.untold("agent:boss", limit=1)] == [task_id(1)]
    assert await work.acknowledge("agent:eve", [task_id(1)], NOON) == 0
    wanted = [task_id(1), task_id(1), task_id(3), task_id(77)]
    assert await work.acknowledge("agent:boss", wanted, NOON) == 1
    assert [t.id for t in await work.untold("agent:boss")] == [task_id(2)]


async def test_lists_are_narrowed_and_go_on_page_by_page(work: WorkStore) -> None:
    for number in range(5):
        await submitted(work, number, to="moe" if number == 3 else "")
    await submitted(work, 9, group="office", context=ELSEWHERE)
    running = await claimed(work)
    pages, cursor = [], None
    while True:
        page = await work.tasks(group="lab", cursor=cursor, limit=2)
        pages.append([task.id for task in page.tasks])
        cursor = page.next
        if cursor is None:
            break
        await submitted(work, 20 + len(pages))  # a page holds nothing twice meanwhile
    assert [id_ for page in pages for id_ in page] == [task_id(n) for n in (4, 3, 2, 1, 0)]
    assert (await work.tasks(states=[WORKING])).tasks == [running]
    assert [t.id for t in (await work.tasks(agent="moe")).tasks] == [task_id(3)]
    assert (await work.tasks(agent="larry", group="lab")).tasks == [running]
    assert [t.group for t in (await work.tasks(context=ELSEWHERE)).tasks] == ["office"]
    with pytest.raises(ValueError, match="cursor"):
        await work.tasks(cursor="x' OR 1")


async def test_whoever_was_away_learns_what_changed_and_nothing_twice(work: WorkStore) -> None:
    await submitted(work, 1)
    await submitted(work, 2)
    page = await work.changes(limit=1)
    assert [task.id for task in page.tasks] == [task_id(1)]
    running = await claimed(work)
    page = await work.changes(cursor=page.next)
    assert [(t.id, t.state) for t in page.tasks] == [(task_id(2), SUBMITTED), (task_id(1), WORKING)]
    await work.renew(running.id, "larry", 1, 40, NOON + 20)
    page = await work.changes(cursor=page.next, group="lab")
    assert [task.progress for task in page.tasks] == [40]
    page = await work.changes(cursor=page.next)
    assert page.tasks == []
    assert (await work.changes(cursor=page.next)).next == page.next


async def test_figures_are_told(work: WorkStore) -> None:
    assert (await work.counts(NOON)).oldest_queued is None
    await submitted(work, 1)
    await submitted(work, 2, NOON + 5)
    await submitted(work, 3, NOON - 50, after=(task_id(2),))
    await ended(work, await claimed(work), now=NOON + 8)
    counts = await work.counts(NOON + 10)
    assert counts.open == {SUBMITTED: 2}
    assert counts.ended == {COMPLETED: 1}
    assert counts.oldest_queued == NOON + 5, "one that waits for another waits for nobody else"
    assert (counts.attempts, counts.expiries) == (1, 0)
    assert counts.seconds == {"research": (8.0, 1)}


async def test_kinds_are_counted_apart_up_to_a_bound(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.store.work import in_memory_tasks, sql_numbers

    for module in (in_memory_tasks, sql_numbers):
        monkeypatch.setattr(module, "MAX_KINDS", 2)
    held = []
    for number in range(4):
        await submitted(store.work, number, kind=f"kind-{number}")
        task = await store.work.claim("larry", "lab", [f"kind-{number}"], NOON)
        assert task is not None
        held.append(task)
    await asyncio.gather(*(ended(store.work, task) for task in held))
    runs = {kind: n for kind, (_s, n) in (await store.work.counts(NOON)).seconds.items()}
    assert runs == {"kind-0": 1, "kind-1": 1, "other": 2}
