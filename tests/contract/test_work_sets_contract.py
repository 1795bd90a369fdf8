"""Calls that wait at the same time are carried out together, by statements for all of them: they
answer, and leave behind, what they would one after the other."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.errors import (
    ConflictError,
    InvalidTaskError,
    StaleEpochError,
    UnknownTaskError,
)
from fleet.domain.work.task import Task
from fleet.store.port import Store
from fleet.store.work_port import WorkStore
from tests.contract.test_work_stories_contract import ACT, ENDS, NUMBERS, Story, comparable
from tests.support.stores import PLACES
from tests.support.telemetry import NOON
from tests.support.work import asked, blob, claimed, keep, submitted, task_id

COMPLETED = TaskState.COMPLETED
CLAIM = st.tuples(st.just("claim"), st.sampled_from(["larry", "moe", "curly"]))
END = st.tuples(st.just("finish"), NUMBERS, st.sampled_from(ENDS))
SET = st.lists(st.one_of(CLAIM, CLAIM, END, END, ACT), min_size=1, max_size=8)


class SetStory(Story):
    """Tells each store many calls at once."""

    async def act_together(self, acts: list[tuple[Any, ...]]) -> None:
        self.now += sum(values[0] for name, *values in acts if name == "wait")
        acts = [act for act in acts if self._can(*act)]
        # Those that claim go first, everywhere: in memory nothing is shared, and order is order.
        calls = sorted(acts, key=lambda act: act[0] != "claim")
        told = [await self._all(work, calls) for work in self.works]
        assert all(answers == told[0] for answers in told)
        for (name, *_), (kind, answer) in zip(calls, told[0], strict=True):
            assert kind is not None
            if name == "claim" and isinstance(answer, Task):
                self.leases.append(answer)
        assert len({(one.id, one.epoch) for one in self.leases}) == len(self.leases)
        for ask in (
            lambda work: work.tasks(limit=50),
            lambda work: work.untold("agent:boss"),
            lambda work: work.counts(self.now),
            _changes,
            lambda work: work.offered("larry", "lab", ["research"], self.now),
        ):
            await self._ask(ask)

    def _can(self, name: str, *values: Any) -> bool:
        """Whether it is a call, and its lease was given: reads share no transaction."""
        if name == "late":
            return self._lease(0) is not None
        return name != "wait" and (
            name not in ("renew", "finish") or self._lease(values[0]) is not None
        )

    async def _all(self, work: WorkStore, calls: list[tuple[Any, ...]]) -> list[Any]:
        waiting = [self._call(work, name, *values) for name, *values in calls]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        return [
            comparable(one) if isinstance(one, BaseException) else (type(one), one)
            for one in answers
        ]


async def _changes(work: WorkStore) -> list[Task]:
    """In the order of their last changes: the numbers themselves are each store's own."""
    return (await work.changes(limit=50)).tasks


async def told(story: list[list[tuple[Any, ...]]], folder: Path) -> None:
    stores: list[Store] = [PLACES[name](folder / name).store() for name in PLACES]
    for store in stores:
        store.open()
    try:
        teller = SetStory([store.work for store in stores])
        for acts in story:
            await teller.act_together(acts)
    finally:
        for store in stores:
            await store.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(SET, min_size=3, max_size=15))
def test_calls_at_once_answer_as_one_after_the_other(
    story: list[list[tuple[Any, ...]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(told(story, Path(folder)))


async def test_a_refused_call_leaves_nothing_and_spoils_no_other(work: WorkStore) -> None:
    await submitted(work, 1)
    held = await claimed(work)
    await keep(work, blob("kept"))
    answers = await asyncio.gather(
        work.submit(asked(2), NOON),
        work.submit(asked(1, kind="review"), NOON),
        work.submit(asked(3, input=(blob("never stored"),)), NOON),
        work.finish(held.id, "larry", held.epoch, COMPLETED, (blob("not stored"),), None, NOON),
        work.submit(asked(4, input=(blob("kept"),)), NOON),
        work.finish(held.id, "moe", held.epoch, COMPLETED, (), None, NOON),
        work.renew(task_id(9), "larry", 1, 10, NOON),
        work.finish(held.id, "larry", held.epoch, COMPLETED, (blob("kept"),), None, NOON),
        work.submit(asked(2), NOON + 1),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [
        ConflictError, InvalidTaskError, InvalidTaskError, StaleEpochError, UnknownTaskError,
    ]  # fmt: skip
    first, again = answers[0], answers[-1]
    assert isinstance(first, tuple)
    assert isinstance(again, tuple)
    assert again == (first[0], False)
    states = {task.id: task.state for task in (await work.tasks()).tasks}
    assert states == {
        task_id(1): COMPLETED, task_id(2): TaskState.SUBMITTED, task_id(4): TaskState.SUBMITTED,
    }  # fmt: skip


async def test_many_that_claim_at_once_get_each_the_next_of_what_is_for_them(
    work: WorkStore,
) -> None:
    for number in range(1, 7):
        to = {2: "moe", 3: "larry", 5: "moe"}.get(number, "")
        await submitted(work, number, to=to, now=NOON + number)
    now, kinds = NOON + 10, ["research", "review"]
    found = await asyncio.gather(
        *(work.claim(who, "lab", kinds, now) for who in ("larry", "moe", "larry", "larry", "moe")),
        work.claim("curly", "office", kinds, now),
    )
    taken = [None if one is None else int(one.id[-2:]) for one in found]
    assert taken == [1, 2, 3, 4, 5, None]
    assert (await work.counts(now)).attempts == 5


async def test_one_that_waits_for_a_task_is_ready_though_both_came_with_its_end(
    work: WorkStore,
) -> None:
    first = await submitted(work, 1)
    held = await claimed(work)
    (_, new), changed = await asyncio.gather(
        work.submit(asked(2, after=(first.id,)), NOON),
        work.finish(held.id, "larry", held.epoch, COMPLETED, (), None, NOON),
    )
    assert new
    assert [task.id for task in changed.others] == [task_id(2)]
    assert (await claimed(work)).id == task_id(2)
