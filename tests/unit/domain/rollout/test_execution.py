"""What follows for an agent whose task cannot be handed out: an end, as for any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.domain.rollout.execution import judged
from fleet.domain.rollout.look import Look
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, RolloutState, Why

E = ExecutionState
PLAN = Plan("2.0")
ROLLOUT = Rollout("01JQ0000000000000000000001", PLAN, 0.0, "op", state=RolloutState.RUNNING)


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (E.PRECHECK, E.TIMED_OUT),
        (E.SNAPSHOT, E.ROLLING_BACK),
        (E.INSTALLING, E.ROLLING_BACK),
        (E.ROLLING_BACK, E.ROLLBACK_FAILED),
    ],
)
def test_a_task_that_is_never_there_ends_with_the_time_for_it(
    state: ExecutionState, end: ExecutionState
) -> None:
    before = replace(Execution("ada", "red", 0, 1, "1.0"), state=state, since=100.0)
    seen = Look()
    assert judged(ROLLOUT, before, seen, None, 99.0 + PLAN.timeout) == before
    after = judged(ROLLOUT, before, seen, None, 100.0 + PLAN.timeout)
    assert after.state is end
    assert after.reason == ("" if state is E.ROLLING_BACK else Why.NOT_ASKED.value)
