"""What a rollout sees of one agent at one moment, and what it makes of it: the gate.

The gate is on the version that runs and on work that is done again, never on a port that answers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Check
from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.agent_view import AgentView
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution
from fleet.domain.rollout.states import ExecutionState, Why
from fleet.domain.verdict import Verdict

WORK: Final = "work"
"""The plane that says whether an agent works."""
HERE: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
_ILL: Final = frozenset({Verdict.DEGRADED, Verdict.OFFLINE, Verdict.STALE})

LASTING: Final = frozenset({Why.WRONG_VERSION, Why.NO_WORK, Why.NOT_OK})
"""What ends a soak at once; to hear nothing for a while does not."""


@dataclass(frozen=True, slots=True)
class Look:
    """An agent. `heard`: when it was heard last; `work_at`: when its work was looked at."""

    enrolled: bool = True
    state: Verdict = Verdict.UNKNOWN
    ok: bool | None = None
    version: str = ""
    heard: float | None = None
    work: Check | None = None
    work_at: float | None = None

    @property
    def here(self) -> bool:
        return self.state in HERE


@dataclass(frozen=True, slots=True)
class TaskLook:
    """The task of an execution, as far as a rollout asks."""

    state: TaskState
    progress: int = 0
    attempt: int = 0
    reason: TaskReason | None = None
    ended: float | None = None


def look(view: AgentView | None, members: Collection[str], agent: str, now: float) -> Look:
    """What is seen of an agent. `members`: who is enrolled."""
    if view is None:
        return Look(agent in members)
    plane = view.planes.get(WORK)
    aged = plane is not None and plane.age is not None
    return Look(
        agent in members,
        view.state,
        view.ok,
        (view.versions or {}).get("agent", ""),
        view.last_seen,
        plane.check if plane else None,
        now - (plane.age or 0.0) if plane and aged else None,
    )


def fault(seen: Look, execution: Execution, version: str) -> Why | None:
    """Why an agent that has installed `version` is not there yet; None: it runs it and works."""
    since = execution.installed or 0.0
    if seen.heard is None or seen.heard <= since:
        return Why.SILENT
    if seen.version != version:
        return Why.WRONG_VERSION
    fresh = seen.work if seen.work_at is not None and seen.work_at > since else None
    if fresh in (Check.FAIL, Check.WARN) or (execution.worked and fresh is not Check.PASS):
        return Why.NO_WORK
    if seen.ok is False or seen.state in _ILL:
        return Why.NOT_OK
    return None if seen.state is Verdict.OK else Why.SILENT


def gate_ends(execution: Execution, plan: Plan) -> float | None:
    """Until when an agent must have shown the version and its work, or must go on with it; None: it
    is not at the gate."""
    if execution.state is ExecutionState.SOAKING and execution.healthy_since is not None:
        return execution.healthy_since + plan.soak
    if execution.state is ExecutionState.VERIFYING and execution.installed is not None:
        return execution.installed + plan.verify
    return None
