"""One function for what comes next: over plan, executions, what is seen of the agents, and now.

It holds two bounds whatever happens: no more agents are down for the update than `max_unavailable`,
and no more are at risk than may still fail before the threshold is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fleet.domain.rollout.execution import judged
from fleet.domain.rollout.look import Look, TaskLook
from fleet.domain.rollout.plan import OnAbort, most_failures, threshold, wave_sizes
from fleet.domain.rollout.rollout import Execution, Rollout, moved, stepped
from fleet.domain.rollout.states import (
    FAILED,
    FINAL,
    UNAVAILABLE,
    UNDER_WAY,
    ExecutionState,
    RolloutState,
    RolloutStep,
    Step,
    Why,
)

_E = ExecutionState
_GOING_ON = (RolloutState.RUNNING, RolloutState.PAUSED)


def advanced(
    rollout: Rollout,
    executions: Sequence[Execution],
    looks: Mapping[str, Look],
    tasks: Mapping[str, TaskLook],
    now: float,
) -> tuple[Rollout, list[Execution]]:
    """The rollout and its executions after what is known now, by agent; themselves if nothing
    follows. A draft does nothing."""
    if rollout.state is RolloutState.DRAFT:
        return rollout, list(executions)
    found = [
        judged(rollout, one, looks.get(one.agent, Look()), tasks.get(one.agent), now)
        for one in executions
    ]
    if rollout.state in _GOING_ON and _too_many(rollout, found):
        undo = rollout.plan.on_abort is OnAbort.ROLLBACK
        rollout = moved(rollout, RolloutStep.ABORT, now, why=Why.THRESHOLD.value, undo=undo)
    if rollout.state is RolloutState.RUNNING:
        rollout, found = _opened(rollout, found, looks, now)
    if rollout.undo:
        found = _taken_back(rollout, found, now)
    if rollout.state in _GOING_ON and all(one.state in FINAL for one in found):
        rollout = moved(rollout, RolloutStep.FINISH, now)
    return rollout, found


def is_over(rollout: Rollout, executions: Sequence[Execution]) -> bool:
    """Whether nothing can follow any more, but by an operator."""
    if rollout.state in (*_GOING_ON, RolloutState.DRAFT):
        return False
    waits = any(one.state in UNDER_WAY or one.state is _E.ROLLING_BACK for one in executions)
    back = rollout.undo and any(one.state is _E.COMMITTED for one in executions)
    return not (waits or back)


def called_back(
    rollout: Rollout, executions: Sequence[Execution], now: float
) -> tuple[Rollout, list[Execution]]:
    """An operator takes back what was changed; ways back that failed are tried once more.

    Raises:
        WrongRolloutStateError: nothing was changed yet.
    """
    rollout = moved(
        rollout, RolloutStep.ROLL_BACK, now, undo=True, why=rollout.why or Why.OPERATOR.value
    )
    again = [
        stepped(one, Step.UNDO, now) if one.state is _E.ROLLBACK_FAILED else one
        for one in executions
    ]
    return rollout, again


def _count(executions: Sequence[Execution], wanted: Callable[[Execution], bool]) -> int:
    return sum(wanted(one) for one in executions)


def _too_many(rollout: Rollout, executions: Sequence[Execution]) -> bool:
    """Whether the threshold is reached: by share of those that have ended, or by number of all."""
    failed = _count(executions, lambda one: one.state in FAILED)
    ended = failed + _count(executions, lambda one: one.state is _E.COMMITTED)
    percent, least = threshold(rollout.plan.abort)
    by_share = ended >= least and failed * 100 >= percent * ended
    return failed > 0 and (by_share or failed >= most_failures(rollout.plan.abort, len(executions)))


def _opened(
    rollout: Rollout, executions: list[Execution], looks: Mapping[str, Look], now: float
) -> tuple[Rollout, list[Execution]]:
    """Open waves whose predecessors are settled, and ask as many agents as there is room for."""
    last = max(one.wave for one in executions)
    while rollout.wave < last and all(
        _is_settled(one, looks) for one in executions if one.wave <= rollout.wave
    ):
        rollout = replace(rollout, wave=rollout.wave + 1)
    room = _room(rollout, executions)
    found = list(executions)
    for place, one in enumerate(found):
        seen = looks.get(one.agent, Look())
        open_ = one.state is _E.QUEUED and one.wave <= rollout.wave
        if room > 0 and open_ and seen.here and seen.enrolled:
            found[place] = stepped(one, Step.OPEN, now, away_since=None)
            room -= 1
    return rollout, found


def _is_settled(execution: Execution, looks: Mapping[str, Look]) -> bool:
    """Whether a wave does not wait for it: it has ended, or is away, and asked when it returns."""
    away = execution.state is _E.QUEUED and not looks.get(execution.agent, Look()).here
    return away or execution.state in FINAL


def _room(rollout: Rollout, executions: Sequence[Execution]) -> int:
    plan, agents = rollout.plan, len(executions)
    failed = _count(executions, lambda one: one.state in FAILED)
    at_risk = _count(executions, lambda one: one.state in UNDER_WAY)
    down = _count(executions, lambda one: one.state in UNAVAILABLE)
    room = min(plan.max_unavailable - down, most_failures(plan.abort, agents) - failed - at_risk)
    if not any(one.state is _E.COMMITTED for one in executions):
        # Nobody has shown that the version works: as careful as at first, whoever was away.
        room = min(room, wave_sizes(plan.waves, agents)[0] - at_risk)
    return room


def _taken_back(rollout: Rollout, executions: list[Execution], now: float) -> list[Execution]:
    """Send back who was changed: at once who is not done yet, the others as there is room."""
    found = list(executions)
    down = _count(executions, lambda one: one.state in UNAVAILABLE)
    for place, one in enumerate(found):
        at_once = one.state is _E.VERIFYING and one.installed is not None  # it is down already
        up = one.state in (_E.SOAKING, _E.COMMITTED)
        later = up and down < rollout.plan.max_unavailable
        if at_once or later:
            found[place] = stepped(one, Step.UNDO, now, reason=rollout.why)
            down += later
    return found
