"""What follows for one agent from what its task and it itself say."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fleet.contract.update_words import UpdateStep
from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState
from fleet.domain.rollout.look import LASTING, Look, TaskLook, fault
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout, stepped
from fleet.domain.rollout.states import ExecutionState, RolloutState, Step, Why

UNCHANGED: Final = frozenset(
    {
        TaskReason.VERSION_REFUSED, TaskReason.NO_UPDATE_PLAN, TaskReason.ALREADY_CURRENT,
        TaskReason.SNAPSHOT_FAILED, TaskReason.KIND_UNKNOWN, TaskReason.INPUT_UNAVAILABLE,
    }
)  # fmt: skip
"""Why a sidecar ends an update before it changes anything."""

_STEPS: Final = (
    (UpdateStep.VERIFYING, Step.INSTALL),
    (UpdateStep.INSTALLING, Step.INSTALL),
    (UpdateStep.SNAPSHOT, Step.SNAPSHOT),
)
_E = ExecutionState
_ORDER: Final = (_E.PRECHECK, _E.SNAPSHOT, _E.INSTALLING, _E.VERIFYING)


def judged(
    rollout: Rollout, execution: Execution, seen: Look, task: TaskLook | None, now: float
) -> Execution:
    """The execution after what is known now; itself if nothing follows."""
    plan = rollout.plan
    match execution.state:
        case _E.QUEUED:
            return (
                _waiting(execution, seen, plan, now)
                if execution.wave <= rollout.wave
                else (execution)
            )
        case _E.SOAKING:
            return _soaking(execution, seen, plan, now)
        case _E.ROLLING_BACK:
            return _going_back(execution, task, plan, now)
        case _E.VERIFYING if execution.installed is not None:
            return _starting(execution, seen, plan, now)
        case state if state in _ORDER:
            return _asked(rollout, execution, task, now)
    return execution


def _waiting(execution: Execution, seen: Look, plan: Plan, now: float) -> Execution:
    if not seen.enrolled:
        return stepped(execution, Step.REJECT, now, reason=Why.AGENT_GONE.value)
    if seen.here:
        return execution if execution.away_since is None else replace(execution, away_since=None)
    if execution.away_since is None:
        return replace(execution, away_since=now)
    if now >= execution.away_since + plan.timeout:
        return stepped(execution, Step.TIME_OUT, now, reason=Why.AWAY.value)
    return execution


def _asked(rollout: Rollout, execution: Execution, task: TaskLook | None, now: float) -> Execution:
    if task is None:  # not submitted yet
        asked = execution.state is not _E.PRECHECK
        if rollout.state is RolloutState.ABORTED and not asked:
            return stepped(execution, Step.WITHDRAW, now)
        if now < execution.since + rollout.plan.timeout:
            return execution
        step = Step.UNDO if asked else Step.TIME_OUT
        return stepped(execution, step, now, reason=Why.NOT_ASKED.value)
    if task.state not in FINAL:
        return _under_way(execution, task, now)
    reason = task.reason.value if task.reason else ""
    if task.state is TaskState.COMPLETED:
        return stepped(execution, Step.INSTALLED, now, installed=task.ended or now)
    if task.reason is TaskReason.ROLLED_BACK:
        return stepped(execution, Step.UNDONE, now, reason=reason)
    if task.reason is TaskReason.ROLLBACK_FAILED:
        return stepped(execution, Step.UNDO_FAILED, now, reason=reason)
    if task.reason in UNCHANGED:
        return stepped(execution, Step.REJECT, now, reason=reason)
    if not task.attempt:  # nobody ever took it
        if task.reason is TaskReason.AGENT_GONE:
            return stepped(execution, Step.REJECT, now, reason=reason)
        if rollout.state is RolloutState.ABORTED:
            return stepped(execution, Step.WITHDRAW, now)
        return stepped(execution, Step.TIME_OUT, now, reason=Why.NO_ANSWER.value)
    return stepped(execution, Step.UNDO, now, reason=reason or Why.INTERRUPTED.value)


def _under_way(execution: Execution, task: TaskLook, now: float) -> Execution:
    """How far its sidecar says it is; that may come late, and never leads back."""
    if task.state is TaskState.WORKING:
        for told, step in _STEPS:
            later = step is Step.INSTALL or execution.state is _E.PRECHECK
            if task.progress >= told.percent and later:
                return stepped(execution, step, now)
    return execution


def _starting(execution: Execution, seen: Look, plan: Plan, now: float) -> Execution:
    why = fault(seen, execution, plan.version)
    if why is None:
        return stepped(execution, Step.RUNS, now, healthy_since=now)
    if now >= (execution.installed or now) + plan.verify:
        return stepped(execution, Step.UNDO, now, reason=why.value)
    return execution


def _soaking(execution: Execution, seen: Look, plan: Plan, now: float) -> Execution:
    why = fault(seen, execution, plan.version)
    over = (execution.healthy_since or now) + plan.soak
    if why is None:
        return stepped(execution, Step.COMMIT, now) if now >= over else execution
    if why in LASTING or now >= over + plan.verify:
        return stepped(execution, Step.UNDO, now, reason=why.value)
    return execution


def _going_back(execution: Execution, task: TaskLook | None, plan: Plan, now: float) -> Execution:
    """Whatever ends a way back other than well is said: nobody knows what runs there."""
    if (
        task is None
    ):  # not submitted yet, or it cannot be: the agent is revoked, or in another group
        late = now >= execution.since + plan.timeout
        return stepped(execution, Step.UNDO_FAILED, now) if late else execution
    if task.state not in FINAL:
        return execution
    if task.state is TaskState.COMPLETED or task.reason is TaskReason.ROLLED_BACK:
        return stepped(execution, Step.UNDONE, now)
    return stepped(execution, Step.UNDO_FAILED, now)
