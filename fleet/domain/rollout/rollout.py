"""A rollout and its executions as values; times are seconds since the epoch on the hub's clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.rollout.errors import WrongRolloutStateError, WrongStepError
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.states import (
    EXECUTION_STEPS,
    ROLLOUT_STEPS,
    ExecutionState,
    RolloutState,
    RolloutStep,
    Step,
)

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One version for many agents.

    Attributes:
        id: a ULID made by the caller: the same again is the same rollout.
        by: who made it: the token's id and role.
        wave: how many waves are open.
        undo: whether what was changed is to be taken back.
        why: why it ended before its time; empty: it did not.
        revision: counts what was saved; who saves names the one that it read.
    """

    id: str
    plan: Plan
    created: float
    by: str = ""
    state: RolloutState = RolloutState.DRAFT
    wave: int = 0
    started: float | None = None
    ended: float | None = None
    undo: bool = False
    why: str = ""
    revision: int = 0

    def changed(self) -> Rollout:
        """The same, for who has read it before and would save what he made of it."""
        return replace(self, revision=self.revision + 1)


@dataclass(frozen=True, slots=True)
class Execution:
    """One agent of a rollout.

    Attributes:
        number: its place in the order; wave: counts from 1.
        before: the version that ran when the rollout was made; empty: unknown.
        worked: whether its plane `work` was good before; then it must be so again.
        since: when it came into its state. away_since: since when it is away in an open wave.
        installed: when its sidecar said that the version is in place.
        healthy_since: since when it runs the version and works.
        undos: how often it was sent back.
        reason: a word of `Why` or of a task's reason; reached: how far it came before it failed.
        begun_as: the agent's name when the rollout was made, if it is another one now.
    """

    agent: str
    group: str
    number: int
    wave: int
    before: str = ""
    worked: bool = False
    state: ExecutionState = ExecutionState.QUEUED
    since: float = 0.0
    away_since: float | None = None
    installed: float | None = None
    healthy_since: float | None = None
    undos: int = 0
    reason: str = ""
    reached: str = ""
    begun_as: str = ""

    def renamed(self, new: str) -> Execution:
        """The same under another name: what it was asked for stays, and is not asked anew."""
        return replace(self, agent=new, begun_as=self.begun_as or self.agent)


def moved(rollout: Rollout, step: RolloutStep, now: float, **changes: Any) -> Rollout:
    """`rollout` after `step`, with `changes`.

    Raises:
        WrongRolloutStateError: the table has no such step.
    """
    state = ROLLOUT_STEPS.get((rollout.state, step))
    if state is None:
        raise WrongRolloutStateError(rollout.id, rollout.state, step.value)
    if step is RolloutStep.START:
        changes["started"] = now
    if state in (RolloutState.COMPLETED, RolloutState.ABORTED):
        changes["ended"] = rollout.ended or now
    return replace(rollout, state=state, **changes)


def stepped(execution: Execution, step: Step, now: float, **changes: Any) -> Execution:
    """`execution` after `step`, with `changes`.

    Raises:
        WrongStepError: the table has no such step.
    """
    state = EXECUTION_STEPS.get((execution.state, step))
    if state is None:
        raise WrongStepError(execution.agent, execution.state, step.value)
    if state is execution.state:
        return replace(execution, **changes)
    if step is Step.UNDO:
        changes["undos"] = execution.undos + 1
    if step in (Step.UNDO, Step.UNDONE, Step.UNDO_FAILED):
        changes["reached"] = execution.reached or execution.state.value
    return replace(execution, state=state, since=now, **changes)


def task_id(rollout: Rollout, execution: Execution) -> str:
    """The id of the task that the agent has now, or had last: made from who and what, so that a hub
    that was killed in between submits the same one, and never a second."""
    what = f"{rollout.id} {execution.begun_as or execution.agent} {execution.undos}"
    return rollout.id[:10] + _digits(what, 16)


def context_id(rollout: Rollout, group: str) -> str:
    """The session of a group's tasks, for a context belongs to one group."""
    return rollout.id[:10] + _digits(f"{rollout.id} {group} context", 16)


def _digits(text: str, count: int) -> str:
    number = int.from_bytes(sha256(text.encode()).digest()[:16])
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(count))


def restamped(rollout: Rollout, step: ClockStep) -> Rollout:
    """The hub's stamps moved."""
    return replace(
        rollout,
        created=step.moved(rollout.created),
        started=None if rollout.started is None else step.moved(rollout.started),
        ended=None if rollout.ended is None else step.moved(rollout.ended),
    )


def execution_restamped(execution: Execution, step: ClockStep) -> Execution:
    """The same of one agent: what was to last so long lasts as long."""
    away, installed, healthy = (
        None if at is None else step.moved(at)
        for at in (execution.away_since, execution.installed, execution.healthy_since)
    )
    return replace(
        execution,
        since=step.moved(execution.since),
        away_since=away,
        installed=installed,
        healthy_since=healthy,
    )
