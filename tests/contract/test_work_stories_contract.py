"""Random stories of many tasks, told to every store at once: each answers alike, and whatever
happens no task is worked at twice at a time, lost, or left for ever."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.errors import StaleEpochError, WorkError
from fleet.domain.work.task import DAY, LEASE, Task
from fleet.store.port import Store
from fleet.store.work_port import WorkStore
from fleet.store.work_records import Changed
from tests.support.stores import PLACES, finish_upkeep
from tests.support.telemetry import NOON
from tests.support.work import asked, task_id

NUMBERS = st.integers(0, 5)
ENDS = (
    TaskState.COMPLETED,
    TaskState.FAILED,
    TaskState.FAILED,
    TaskState.REJECTED,
    TaskState.CANCELED,
    TaskState.INPUT_REQUIRED,
)
WAITS = (0.0, 1.0, 8.0, LEASE / 3, LEASE, 700.0)

ACT = st.one_of(
    st.tuples(st.just("submit"), NUMBERS, st.lists(NUMBERS, max_size=2, unique=True), NUMBERS),
    st.tuples(st.just("claim"), st.sampled_from(["larry", "moe"])),
    st.tuples(st.just("claim"), st.sampled_from(["larry", "moe"])),
    st.tuples(st.just("renew"), NUMBERS),
    st.tuples(st.just("late"), st.sampled_from([TaskState.COMPLETED, None])),
    st.tuples(st.just("finish"), NUMBERS, st.sampled_from(ENDS)),
    st.tuples(st.just("finish"), NUMBERS, st.sampled_from(ENDS)),
    st.tuples(st.sampled_from(["cancel", "retry", "input", "acknowledge"]), NUMBERS),
    st.tuples(st.just("approve"), NUMBERS, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from(WAITS)),
    st.tuples(st.just("wait"), st.sampled_from(WAITS)),
    st.tuples(st.just("expire"), st.integers(1, 4)),
)


class Story:
    """What a caller knows, and what must be true of the answers."""

    def __init__(self, works: list[WorkStore]) -> None:
        self.works = works
        self.now = NOON
        self.leases: list[Task] = []
        """Every one that was ever given, the newest last."""
        self.seen: dict[str, Task] = {}
        self.acknowledged: set[str] = set()

    async def act(self, name: str, *values: Any) -> None:
        if name == "wait":
            self.now += values[0]
            return
        answer = await self._ask(lambda work: self._call(work, name, *values))
        if name == "claim" and answer is not None:
            self._given(answer)
        if name in ("renew", "finish", "late") and isinstance(answer, (Task, Changed)):
            self._taken(values[0] if name != "late" else 0)
        if name == "acknowledge" and answer == 1:
            self.acknowledged.add(task_id(values[0]))
        if name == "retry" and not isinstance(answer, Exception):
            self.seen.pop(task_id(values[0]))
            self.acknowledged.discard(task_id(values[0]))
        await self._look()

    async def _ask(self, call: Callable[[WorkStore], Awaitable[Any]]) -> Any:
        answers = await asyncio.gather(*map(call, self.works), return_exceptions=True)
        first, *others = map(comparable, answers)
        assert all(other == first for other in others)
        if isinstance(answers[0], BaseException) and not isinstance(answers[0], WorkError):
            raise answers[0]
        return answers[0]

    def _call(self, work: WorkStore, name: str, *values: Any) -> Awaitable[Any]:
        now = self.now
        match name, *values:
            case "submit", number, after, parent:
                task = asked(
                    number, after=tuple(map(task_id, after)), ttl=3000.0, timeout=200.0,
                    max_attempts=1 + number % 3, priority=list(Priority)[number % 3],
                    parent=task_id(parent) if parent % 2 else None,
                    state=TaskState.AUTH_REQUIRED if number == 5 else TaskState.SUBMITTED,
                )  # fmt: skip
                return work.submit(task, now)
            case "claim", agent:
                return work.claim(agent, "lab", ["research"], now)
            case "renew", back if lease := self._lease(back):
                return work.renew(lease.id, lease.holder, lease.epoch, 10 * back, now)
            case "finish", back, state if lease := self._lease(back):
                return work.finish(lease.id, lease.holder, lease.epoch, state, (), None, now)
            case "late", None if lease := self._lease(0):
                return work.renew(lease.id, lease.holder, lease.epoch, 90, now, result=True)
            case "late", state if lease := self._lease(0):
                return work.finish(lease.id, lease.holder, lease.epoch, state, (), None, now)
            case "cancel", number:
                return work.cancel(task_id(number), "lab", now)
            case "retry", number:
                return work.retry(task_id(number), now)
            case "input", number:
                return work.give_input(task_id(number), "lab", (), now)
            case "approve", number, yes:
                return work.approve(task_id(number), yes, now)
            case "acknowledge", number:
                return work.acknowledge("agent:boss", [task_id(number)], now)
            case "expire", limit:
                return work.expire(now, limit)
        return work.counts(now)

    def _lease(self, back: int) -> Task | None:
        return self.leases[-1 - back] if back < len(self.leases) else None

    def _given(self, lease: Task) -> None:
        before = [old for old in self.leases if old.id == lease.id]
        assert all(old.epoch < lease.epoch for old in before), "an epoch is one agent's"
        known = self.seen[lease.id]
        assert known.state is TaskState.SUBMITTED, "nobody worked at it, as far as anybody knew"
        self.leases.append(lease)

    def _taken(self, back: int) -> None:
        """A lease was good for something: of its task's it is the newest, also where it ran out."""
        lease = self._lease(back)
        if lease is not None:
            newest = max(old.epoch for old in self.leases if old.id == lease.id)
            assert lease.epoch == newest, "no two leases of one task are good"

    async def _look(self) -> None:
        page = await self._ask(lambda work: work.tasks(limit=50))
        for task in page.tasks:
            before = self.seen.get(task.id)
            if before is not None and before.final:
                assert (task.state, task.ended) == (before.state, before.ended), "ends are ends"
            assert all(task.epoch >= old.epoch for old in self.leases if old.id == task.id)
            assert task.attempt <= task.max_attempts
            assert (task.lease_until is None) == (task.state is not TaskState.WORKING)
            self.seen[task.id] = task
        untold = await self._ask(lambda work: work.untold("agent:boss"))
        finals = {task.id for task in page.tasks if task.final}
        assert {task.id for task in untold} == finals - self.acknowledged

    async def end(self) -> None:
        """Time alone ends everything, and whoever comes late is refused."""
        for _ in range(12):
            self.now += 400.0
            await self._ask(lambda work: work.expire(self.now, 50))
        await self._look()
        assert all(task.final for task in self.seen.values())
        for lease in self.leases:
            answer = await self._ask(
                lambda work, old=lease: work.renew(old.id, old.holder, old.epoch, 1, self.now)
            )
            assert isinstance(answer, WorkError)
            if lease.epoch != self.seen[lease.id].epoch:
                assert isinstance(answer, StaleEpochError)
        counts = await self._ask(lambda work: work.counts(self.now))
        assert counts.attempts == len(self.leases)
        assert sum(counts.open.values()) == 0


def comparable(answer: Any) -> Any:
    return (type(answer), answer.args) if isinstance(answer, BaseException) else answer


async def told(story: list[tuple[Any, ...]], folder: Path) -> None:
    stores: list[Store] = [PLACES[name](folder / name).store() for name in PLACES]
    for store in stores:
        store.open()
    try:
        teller = Story([store.work for store in stores])
        for name, *values in story:
            await teller.act(name, *values)
        await teller.end()
        for store in stores:
            await finish_upkeep(store, teller.now + 91 * DAY)
            assert (await store.work.tasks()).tasks == [], "nothing is left for ever"
            assert (await store.work.submit(asked(9), NOON))[1], "and there is room again"
    finally:
        for store in stores:
            await store.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(ACT, min_size=5, max_size=60))
def test_in_every_story_each_store_answers_alike_and_no_task_is_lost(
    story: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(told(story, Path(folder)))
