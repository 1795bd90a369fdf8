"""What every store promises of rollouts. See `fleet.store.rollout_port`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.domain.rollout.errors import RolloutConflictError, UnknownRolloutError
from fleet.domain.rollout.plan import OnAbort, Plan
from fleet.domain.rollout.rollout import Execution, Rollout, task_id
from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.store.port import Store
from fleet.store.records import Batch
from fleet.store.rollout_port import Whole
from fleet.store.work.rollout_tables import MAX_KEPT
from tests.support.stores import Place
from tests.support.telemetry import NOON

PLAN = Plan("2.0", "1,100%", 3, "10%:1", 1.5, 2.5, 3.5, OnAbort.ROLLBACK)


def rollout_id(number: int) -> str:
    return f"01JQ{number:022d}"


def whole(number: int = 1, **changes: object) -> Whole:
    executions = [
        Execution("bob", "red", 0, 1, "1.0", worked=True, since=NOON),
        Execution("ada", "blue", 1, 2),
    ]
    rollout = Rollout(rollout_id(number), PLAN, NOON + number, "t1 operator")
    return Whole(replace(rollout, **changes), executions)  # type: ignore[arg-type]


async def test_what_comes_back_is_what_went_in_also_after_a_crash(
    place: Place, store: Store
) -> None:
    assert await store.rollouts.create(whole())
    assert await store.rollouts.get(rollout_id(1)) == whole()
    again = place.after_a_crash().store()
    again.open()
    assert await again.rollouts.get(rollout_id(1)) == whole()
    assert await again.rollouts.open() == [whole()]
    await again.close()


async def test_a_rollout_sent_again_is_the_same_and_its_id_names_one_plan(store: Store) -> None:
    assert await store.rollouts.create(whole())
    assert not await store.rollouts.create(whole())
    with pytest.raises(RolloutConflictError):
        await store.rollouts.create(whole(plan=Plan("3.0")))
    with pytest.raises(UnknownRolloutError):
        await store.rollouts.get(rollout_id(2))


async def test_who_saves_must_have_read_what_stands_there(store: Store) -> None:
    await store.rollouts.create(whole())
    before = await store.rollouts.get(rollout_id(1))
    bob, ada = before.executions
    bob = replace(bob, state=ExecutionState.SOAKING, installed=NOON + 9.25, undos=1)
    after = Whole(replace(before.rollout, state=RolloutState.RUNNING, wave=1), [bob, ada])
    saved = await store.rollouts.save(before, after, over=False)
    assert await store.rollouts.get(rollout_id(1)) == saved
    assert (saved.rollout.revision, saved.executions[0]) == (1, bob)
    with pytest.raises(RolloutConflictError, match="changed meanwhile"):
        await store.rollouts.save(before, after, over=True)
    assert await store.rollouts.open() == [saved]
    await store.rollouts.save(saved, saved, over=True)
    assert await store.rollouts.open() == []
    assert [one.rollout.revision for one in await store.rollouts.rollouts()] == [2]


async def test_who_said_no_is_known_by_version_and_who_was_called_back_is_not(
    store: Store,
) -> None:
    await store.rollouts.create(whole())
    before = await store.rollouts.get(rollout_id(1))
    bob, ada = before.executions
    bob = replace(bob, state=ExecutionState.REJECTED, reason="version-refused")
    back = replace(ada, state=ExecutionState.ROLLED_BACK, reason="operator")
    saved = await store.rollouts.save(before, Whole(before.rollout, [bob, back]), over=True)
    assert await store.rollouts.denied("2.0") == {"bob"}
    assert await store.rollouts.denied("3.0") == set()
    failed = replace(ada, state=ExecutionState.ROLLED_BACK, reason="no-work")
    await store.rollouts.save(saved, Whole(saved.rollout, [bob, failed]), over=True)
    assert await store.rollouts.denied("2.0") == {"ada", "bob"}


async def test_the_oldest_that_are_over_go_beyond_the_bound(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.store.work.transactional_rollouts.MAX_KEPT", 3)
    assert MAX_KEPT > 3
    for number in range(1, 4):
        await store.rollouts.create(whole(number))
    first = await store.rollouts.get(rollout_id(1))
    await store.rollouts.save(first, first, over=True)
    await store.rollouts.create(whole(4))
    left = [one.rollout.id for one in await store.rollouts.rollouts()]
    assert left == [rollout_id(number) for number in (4, 3, 2)]
    await store.rollouts.create(whole(5))
    assert len(await store.rollouts.rollouts()) == 4, "none that is open goes"
    assert len(await store.rollouts.rollouts(2)) == 2


async def test_an_agent_that_is_renamed_goes_on_and_is_asked_nothing_twice(store: Store) -> None:
    await store.rollouts.create(whole())
    await store.rollouts.create(whole(2))
    before = await store.rollouts.get(rollout_id(1))
    bob, ada = before.executions
    bob = replace(bob, state=ExecutionState.REJECTED, reason="version-refused")
    before = await store.rollouts.save(before, Whole(before.rollout, [bob, ada]), over=False)
    await store.commit(Batch(renamed=[("bob", "rob")]))
    after = await store.rollouts.get(rollout_id(1))
    rob = after.executions[0]
    assert (rob.agent, rob.state, after.executions[1]) == ("rob", bob.state, ada)
    assert task_id(after.rollout, rob) == task_id(before.rollout, bob)
    assert await store.rollouts.denied("2.0") == {"rob"}
    with pytest.raises(RolloutConflictError, match="changed meanwhile"):
        await store.rollouts.save(before, before, over=False)
    await store.commit(Batch(renamed=[("rob", "bert")]))
    bert = (await store.rollouts.get(rollout_id(1))).executions[0]
    assert task_id(after.rollout, bert) == task_id(before.rollout, bob)


async def test_two_names_of_one_rollout_stay_two(store: Store) -> None:
    await store.rollouts.create(whole())
    await store.commit(Batch(renamed=[("bob", "ada")]))
    assert await store.rollouts.get(rollout_id(1)) == whole()
