"""Bodies of rollouts: versions, numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from fleet.api.schemas import AgentName, Word
from fleet.api.work_schemas import Group
from fleet.contract import patterns
from fleet.contract.fields import Maybe, Shape, Ulid
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Kind
from fleet.domain.rollout import plan as defaults
from fleet.domain.rollout.look import Look, fault, gate_ends
from fleet.domain.rollout.plan import TIMES, OnAbort, Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState
from fleet.rollouts.service import Planned, Wanted
from fleet.store.rollout_port import Whole

Seconds = Annotated[float, Field(ge=TIMES[0], le=TIMES[1])]
Version = Annotated[str, Field(pattern=patterns.anchored(patterns.VERSION))]
Sizes = Annotated[str, Field(max_length=120, pattern=r"^[0-9%,]+$")]
Share = Annotated[str, Field(max_length=12, pattern=r"^[0-9%:]+$")]


class RolloutBody(Shape):
    """A rollout to make; what an update does is configured beside each agent."""

    id: Annotated[Ulid, Field(description="made by the caller: the same again is the same")]
    version: Annotated[Version, Field(description="what is to run")]
    agents: Annotated[
        list[AgentName],
        Field(default_factory=list, max_length=1000, description="these; none: whoever fits"),
    ]
    group: Annotated[Maybe[Group], Field(description="agents of this group")] = None
    kind: Annotated[Maybe[Annotated[Kind, Word]], Field(description="agents of this kind")] = None
    again: Annotated[bool, Field(description="also who refused or failed this version")] = False
    waves: Annotated[Sizes, Field(description="numbers and shares, up to 100%")] = defaults.WAVES
    max_unavailable: Annotated[int, Field(ge=1, description="down at a time")] = 1
    abort: Annotated[Share, Field(description="share, and how many must have ended")] = (
        defaults.ABORT
    )
    verify: Annotated[Seconds, Field(description="s to run and work")] = defaults.VERIFY
    soak: Annotated[Seconds, Field(description="s to go on working")] = defaults.SOAK
    timeout: Annotated[Seconds, Field(description="s to be away, or to answer")] = defaults.TIMEOUT
    on_abort: Annotated[OnAbort, Word, Field(description="what of those changed")] = OnAbort.STOP
    dry_run: Annotated[bool, Field(description="only say what would be done")] = False

    def plan(self) -> Plan:
        return Plan(
            self.version, self.waves, self.max_unavailable, self.abort, self.verify, self.soak,
            self.timeout, self.on_abort,
        )  # fmt: skip

    def wanted(self) -> Wanted:
        return Wanted(tuple(self.agents), self.group, self.kind, self.again)


class AbortBody(Shape):
    """What of those that were changed."""

    on_abort: Annotated[
        Maybe[Annotated[OnAbort, Word]], Field(description="absent: as the plan says")
    ] = None


def described(whole: Whole, looks: Mapping[str, Look]) -> dict[str, Any]:
    """A rollout with its agents, as JSON."""
    plan = whole.rollout.plan
    agents = [_agent(one, looks.get(one.agent, Look()), plan) for one in whole.executions]
    return {**summary(whole), "agents": agents}


def planned(found: Planned, looks: Mapping[str, Look]) -> dict[str, Any]:
    left_out = {agent: why.value for agent, why in found.left_out.items()}
    return {**described(found.whole, looks), "left_out": left_out}


def summary(whole: Whole) -> dict[str, Any]:
    """A rollout in a list."""
    one: Rollout = whole.rollout
    counts = {state.value: 0 for state in ExecutionState}
    for execution in whole.executions:
        counts[execution.state.value] += 1
    return {
        "id": one.id,
        "version": one.plan.version,
        "state": one.state.value,
        "why": one.why or None,
        "by": one.by,
        "wave": one.wave,
        "waves": one.plan.waves,
        "max_unavailable": one.plan.max_unavailable,
        "abort": one.plan.abort,
        "on_abort": one.plan.on_abort.value,
        "verify": one.plan.verify,
        "soak": one.plan.soak,
        "timeout": one.plan.timeout,
        "undo": one.undo,
        "created": timestamp(one.created),
        "started": _moment(one.started),
        "ended": _moment(one.ended),
        "counts": counts,
    }


def _agent(one: Execution, seen: Look, plan: Plan) -> dict[str, Any]:
    """`lacks`: what it does not show yet of what it must; `until`: how long that may take."""
    until = gate_ends(one, plan)
    lacks = fault(seen, one, plan.version) if until is not None else None
    return {
        "agent": one.agent,
        "group": one.group,
        "wave": one.wave,
        "from": one.before or None,
        "running": seen.version or None,
        "state": one.state.value,
        "reason": one.reason or None,
        "reached": one.reached or None,
        "lacks": lacks.value if lacks else None,
        "until": _moment(until),
        "since": _moment(one.since),
        "away": one.away_since is not None,
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
