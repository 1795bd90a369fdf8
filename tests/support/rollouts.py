"""A fleet in one process for the rules of rollouts: agents that update well, badly, or not at all.

What the hub would do between two looks is done here by the task of each agent: it is claimed, gets
on, and ends as its agent is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from fleet.contract.vocabulary import Check
from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState
from fleet.domain.rollout.advance import advanced, is_over
from fleet.domain.rollout.look import Look, TaskLook
from fleet.domain.rollout.making import made
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout, moved, task_id
from fleet.domain.rollout.states import (
    FAILED,
    UNAVAILABLE,
    ExecutionState,
    RolloutState,
    RolloutStep,
)
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON

OLD, NEW = "1.0", "2.0"
ROLLOUT_ID = "01JQ00000000000000000R0001"


class Manner(Enum):
    """How an agent takes an update."""

    GOOD = auto()
    LAZY = auto()  # starts, and does no work
    BROKEN = auto()  # its sidecar sees it, and goes back
    STUCK = auto()  # its sidecar sees it, and does not get back
    LYING = auto()  # says it is done, and the old version runs
    DENYING = auto()
    MUTE = auto()  # never takes a task
    LOST = auto()  # its sidecar dies in the middle
    AWAY = auto()
    TOO_LATE = auto()  # well at first, ill within the soak


BAD = frozenset(
    {Manner.LAZY, Manner.BROKEN, Manner.STUCK, Manner.LYING, Manner.LOST, Manner.TOO_LATE}
)


@dataclass
class Agent:
    manner: Manner
    version: str = OLD
    works: bool = True
    well: bool = True
    returns: float | None = None
    """When one that is away comes back, and is good then."""


@dataclass
class Errand:
    """A task of a simulated agent."""

    begun: float
    back: bool
    look: TaskLook = field(default_factory=lambda: TaskLook(TaskState.SUBMITTED))


@dataclass
class Fleet:
    """Agents, their tasks, and the rollout over them."""

    agents: dict[str, Agent]
    plan: Plan
    now: float = NOON
    tasks: dict[str, Errand] = field(default_factory=dict)
    installs: Counter[str] = field(default_factory=Counter)
    most_failed: int = 0
    most_down: int = 0

    def __post_init__(self) -> None:
        groups = dict.fromkeys(self.agents, "red")
        self.executions = made(
            self.plan, list(self.agents), self.looks(), groups, (), ()
        ).executions
        self.rollout = Rollout(ROLLOUT_ID, self.plan, self.now)

    def start(self) -> None:
        self.rollout = moved(self.rollout, RolloutStep.START, self.now)

    def looks(self) -> dict[str, Look]:
        return {name: self._look(agent) for name, agent in self.agents.items()}

    def _look(self, agent: Agent) -> Look:
        if agent.manner is Manner.AWAY and not (agent.returns and self.now >= agent.returns):
            return Look(state=Verdict.OFFLINE, version=agent.version)
        well = agent.works and agent.well
        return Look(
            state=Verdict.OK if well else Verdict.DEGRADED,
            ok=agent.well,
            version=agent.version,
            heard=self.now,
            work=Check.PASS if agent.works else Check.FAIL,
            work_at=self.now,
        )

    def tick(self, seconds: float = 10.0) -> None:
        """Time goes on: agents get on with their tasks, and the hub looks."""
        self.now += seconds
        for one in self.executions:
            self._get_on(one)
        known = {
            one.agent: self.tasks[task_id(self.rollout, one)].look
            for one in self.executions
            if task_id(self.rollout, one) in self.tasks
        }
        before = {one.agent: one.state for one in self.executions}
        self.rollout, self.executions = advanced(
            self.rollout, self.executions, self.looks(), known, self.now
        )
        self._submit(before)
        self._measure()

    def _submit(self, before: dict[str, ExecutionState]) -> None:
        for one in self.executions:
            id_ = task_id(self.rollout, one)
            asked = one.state in (ExecutionState.PRECHECK, ExecutionState.ROLLING_BACK)
            if asked and id_ not in self.tasks:
                self.tasks[id_] = Errand(self.now, back=one.undos > 0)
                self.installs[one.agent] += not one.undos
            elif asked and self.rollout.state is RolloutState.ABORTED and not one.undos:
                task = self.tasks[id_]
                if task.look.state is TaskState.SUBMITTED:
                    task.look = TaskLook(TaskState.CANCELED)

    def _measure(self) -> None:
        failed = sum(one.state in FAILED for one in self.executions)
        if not self.rollout.undo:  # beyond that they go back since somebody said so
            self.most_failed = max(self.most_failed, failed)
        # One that fails in its soak goes back at once, whoever else is down.
        down = sum(
            one.state in UNAVAILABLE and (not one.undos or self.rollout.undo)
            for one in self.executions
        )
        self.most_down = max(self.most_down, down)

    def _get_on(self, execution: Execution) -> None:
        task = self.tasks.get(task_id(self.rollout, execution))
        agent = self.agents[execution.agent]
        if agent.manner is Manner.TOO_LATE and execution.state is ExecutionState.SOAKING:
            agent.well = False
        if task is None or task.look.state in FINAL:
            return
        age = self.now - task.begun
        if agent.manner in (Manner.MUTE, Manner.AWAY) and not (
            agent.returns and self.now >= agent.returns
        ):
            if age >= self.plan.timeout:
                task.look = TaskLook(TaskState.TIMED_OUT, ended=self.now)
        elif age < 30:
            task.look = TaskLook(TaskState.WORKING, min(80, int(age * 3)), 1)
        else:
            task.look = self._ended(agent, task)

    def _ended(self, agent: Agent, task: Errand) -> TaskLook:
        failed = TaskState.FAILED
        if task.back:
            if agent.manner is Manner.LAZY or agent.manner is Manner.LOST:
                agent.works = True
            if agent.manner is Manner.STUCK:
                return TaskLook(failed, 85, 1, TaskReason.ROLLBACK_FAILED, self.now)
            agent.version, agent.well = OLD, True
            return TaskLook(TaskState.COMPLETED, 100, 1, None, self.now)
        match agent.manner:
            case Manner.DENYING:
                return TaskLook(failed, 5, 1, TaskReason.VERSION_REFUSED, self.now)
            case Manner.BROKEN:
                return TaskLook(failed, 45, 1, TaskReason.ROLLED_BACK, self.now)
            case Manner.STUCK:
                agent.well = False
                return TaskLook(failed, 45, 1, TaskReason.ROLLBACK_FAILED, self.now)
            case Manner.LOST:
                agent.works = False
                return TaskLook(TaskState.LOST, 45, 1, TaskReason.LEASE_EXPIRED, self.now)
            case Manner.LYING:
                return TaskLook(TaskState.COMPLETED, 100, 1, None, self.now)
            case Manner.LAZY:
                agent.works = False
        agent.version = NEW
        return TaskLook(TaskState.COMPLETED, 100, 1, None, self.now)

    def run(self, hours: float = 24.0, step: float = 20.0) -> None:
        """Until nothing more happens, or so many hours are over."""
        until = self.now + hours * 3600
        while self.now < until and not self.over:
            self.tick(step)

    @property
    def over(self) -> bool:
        return is_over(self.rollout, self.executions)

    def state(self, agent: str) -> ExecutionState:
        return next(one.state for one in self.executions if one.agent == agent)

    def states(self) -> Counter[ExecutionState]:
        return Counter(one.state for one in self.executions)


def fleet_of(*manners: Manner, **plan: object) -> Fleet:
    """Agents a000, a001 … of these manners, and a started rollout over them."""
    agents = {f"a{number:03}": Agent(manner) for number, manner in enumerate(manners)}
    found = Fleet(agents, Plan(NEW, **{"verify": 120.0, "soak": 60.0, "timeout": 900.0, **plan}))  # type: ignore[arg-type]
    found.start()
    return found
