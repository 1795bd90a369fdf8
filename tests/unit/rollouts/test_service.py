"""What an operator may ask of a rollout while another one has its agents."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fleet.domain.rollout.errors import RolloutConflictError
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, RolloutState, RolloutStep
from fleet.rollouts.service import RolloutService
from fleet.store.in_memory import InMemoryStore
from fleet.store.rollout_port import Whole
from fleet.work.service import WorkService

OLDER, NEWER = "01JQ0000000000000000000001", "01JQ0000000000000000000002"


def whole(id_: str, version: str, state: RolloutState, execution: ExecutionState) -> Whole:
    rollout = Rollout(id_, Plan(version), 1.0, "op", state=state, started=2.0)
    return Whole(rollout, [Execution("ada", "red", 0, 1, "1.0", state=execution)])


async def test_who_is_in_a_newer_rollout_is_not_called_back_by_an_older_one() -> None:
    store = InMemoryStore()
    store.open()
    completed = whole(OLDER, "2.0", RolloutState.COMPLETED, ExecutionState.COMMITTED)
    await store.rollouts.create(completed)
    await store.rollouts.save(completed, completed, over=True)
    await store.rollouts.create(whole(NEWER, "3.0", RolloutState.RUNNING, ExecutionState.SOAKING))
    work = cast("WorkService", cast("Any", None))
    service = RolloutService(store.rollouts, work, lambda _now: [], lambda: 9.0)
    with pytest.raises(RolloutConflictError, match="ada is in another one that is not over"):
        await service.step(OLDER, RolloutStep.ROLL_BACK)
    assert (await store.rollouts.get(OLDER)).rollout.state is RolloutState.COMPLETED
    newer = await store.rollouts.get(NEWER)
    await store.rollouts.save(newer, newer, over=True)
    called = await service.step(OLDER, RolloutStep.ROLL_BACK)
    assert (called.rollout.state, called.rollout.undo) == (RolloutState.ABORTED, True)
