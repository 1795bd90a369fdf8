"""Rollouts as one service of the hub that leads: doors ask it, and ticks carry them on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import Kind, Priority, Verb
from fleet.domain.agent_view import AgentView
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.rollout.advance import called_back, is_over
from fleet.domain.rollout.errors import InvalidPlanError, RolloutConflictError
from fleet.domain.rollout.look import Look, look
from fleet.domain.rollout.making import LeftOut, Made, made
from fleet.domain.rollout.plan import OnAbort, Plan
from fleet.domain.rollout.rollout import (
    Rollout,
    execution_restamped,
    moved,
    restamped,
)
from fleet.domain.rollout.states import ExecutionState, RolloutStep, Why
from fleet.domain.work.task import DAY
from fleet.rollouts.driver import Driver, tell
from fleet.rollouts.metrics import metrics_of
from fleet.store.rollout_port import RolloutStore, Whole
from fleet.work.service import WorkService

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from fleet.commander.commander import Commander
    from fleet.hub.hub import Hub

TICK: Final = 1.0
"""Seconds between looks at what follows."""

ASK: Final = 15.0
"""Seconds between two questions to an agent that must show its version and its work: its own bus
heartbeat may be ten minutes away."""

COUNT: Final = 10.0
"""Seconds between looks at rollouts that are over, for metrics."""

RECENT: Final = 20
"""Rollouts that metrics look back on."""

_WATCHED: Final = frozenset({ExecutionState.VERIFYING, ExecutionState.SOAKING})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which agents a rollout is for; empty narrows nothing."""

    agents: tuple[str, ...] = ()
    group: str | None = None
    kind: Kind | None = None
    again: bool = False

    def fits(self, view: AgentView, group: str) -> bool:
        """Whether an agent is meant."""
        named = not self.agents or view.agent in self.agents
        grouped = self.group is None or self.group in (group, *view.groups)
        return named and grouped and self.kind in (None, view.kind)


class Planned(NamedTuple):
    """A rollout, and who takes no part in it."""

    whole: Whole
    left_out: dict[str, LeftOut]


class RolloutService:
    """A service of the hub. `views`: everyone at a time; `view`: one of them; `ask`: sends a
    verb to agents."""

    name = "rollouts"

    def __init__(
        self,
        store: RolloutStore,
        work: WorkService,
        views: Callable[[float], Sequence[AgentView]],
        now: Callable[[], float],
    ) -> None:
        self.store = store
        self.ask: Callable[[Verb, Sequence[str]], object] | None = None
        self.view: Callable[[str, float], AgentView] | None = None
        self.steps: list[ClockStep] = []
        self._work = work
        self._views = views
        self._now = now
        self._driver = Driver(store, work, now)
        self._turn = asyncio.Lock()
        self._asked: dict[str, float] = {}
        self._told = ""
        self._known: list[Whole] = []
        self._recent: list[Whole] = []
        self._counted = 0.0

    @classmethod
    def of(cls, hub: Hub, work: WorkService, commander: Commander) -> RolloutService:
        service = cls(hub.store.rollouts, work, hub.roster.views, hub.committer.now)
        service.view = hub.roster.view
        hub.on_step.append(service.steps.append)

        async def ask(verb: Verb, agents: Sequence[str]) -> None:
            await commander.send(verb, agents, priority=Priority.HIGH, ttl=int(ASK), by="rollouts")

        service.ask = ask
        return service

    # --- for doors

    async def plan(self, id_: str, plan: Plan, wanted: Wanted, by: str) -> Planned:
        """What would be done; nothing is kept."""
        plan.require_valid()
        now = self._now()
        views = {view.agent: view for view in self._views(now) if view.enrolled}
        if unknown := sorted(set(wanted.agents) - views.keys()):
            why = f"no agent {unknown[0]} is enrolled"
            raise InvalidPlanError("agents", why, "fleet agent list")
        groups = {agent: self._work.members.of(agent).group for agent in views}
        chosen = [agent for agent, view in views.items() if wanted.fits(view, groups[agent])]
        looks = {agent: look(views[agent], views, agent, now) for agent in chosen}
        denied = set() if wanted.again else await self.store.denied(plan.version)
        found: Made = made(plan, chosen, looks, groups, denied, await self._busy(id_))
        executions = [replace(one, since=now) for one in found.executions]
        return Planned(Whole(Rollout(id_, plan, now, by), executions), found.left_out)

    async def create(self, id_: str, plan: Plan, wanted: Wanted, by: str) -> tuple[Planned, bool]:
        """A draft, and whether it is new."""
        async with self._turn:
            planned = await self.plan(id_, plan, wanted, by)
            is_new = await self.store.create(planned.whole)
            return Planned(await self.store.get(id_), planned.left_out), is_new

    async def step(self, id_: str, step: RolloutStep, on_abort: OnAbort | None = None) -> Whole:
        """An operator's word; said again it is no error where it is so already."""
        async with self._turn:
            before = await self.store.get(id_)
            now, executions = self._now(), before.executions
            if step is RolloutStep.ROLL_BACK:
                rollout, executions = called_back(before.rollout, executions, now)
                await self._require_free(before)
            elif step is RolloutStep.ABORT:
                how = on_abort or before.rollout.plan.on_abort
                undo = how is OnAbort.ROLLBACK
                rollout = moved(before.rollout, step, now, why=Why.OPERATOR.value, undo=undo)
            else:
                if step is RolloutStep.START:
                    await self._require_free(before)
                rollout = moved(before.rollout, step, now)
            after = Whole(rollout, executions)
            tell(before, after)
            return await self.store.save(before, after, over=is_over(rollout, executions))

    def looks(self, whole: Whole) -> dict[str, Look]:
        """What is seen of its agents now."""
        now, view = self._now(), self.view
        if view is None:
            return {}
        views = {one.agent: view(one.agent, now) for one in whole.executions}
        enrolled = {agent for agent, seen in views.items() if seen.enrolled}
        return {agent: look(seen, enrolled, agent, now) for agent, seen in views.items()}

    def metrics(self) -> Iterable[Metric]:
        """For a scrape: as of the last look."""
        return metrics_of(self._known)

    # --- ticks

    async def run(self) -> None:
        """Carry on what is open."""
        while True:
            try:
                await self.tick()
            except (FleetError, OSError) as error:  # a full disk ends no service
                text = str(error).replace("\n", "; ")
                if text != self._told:
                    _log.error("rollouts wait: %s", text)
                self._told = text
            else:
                self._told = ""
            await asyncio.sleep(TICK)

    async def tick(self) -> None:
        """One look at all that is open."""
        async with self._turn:
            await self._restamp()
            now = self._now()
            known = await self.store.open()
            for place, whole in enumerate(known):
                looks = self.looks(whole)
                known[place] = await self._driver.carry_on(whole, looks)
                await self._ask_who_is_watched(known[place], looks)
            if not 0 <= now - self._counted < COUNT:
                self._counted = now
                self._recent = [
                    one
                    for one in await self.store.rollouts(RECENT)
                    if now - DAY < (one.rollout.ended or now)
                ]
            stale = {one.rollout.id for one in known}
            self._known = known + [one for one in self._recent if one.rollout.id not in stale]

    async def _ask_who_is_watched(self, whole: Whole, looks: dict[str, Look]) -> None:
        now = self._now()
        self._asked = {agent: at for agent, at in self._asked.items() if 0 <= now - at < ASK}
        agents = [
            one.agent
            for one in whole.executions
            if one.state in _WATCHED and one.installed is not None
            if looks[one.agent].here and one.agent not in self._asked
        ]
        if self.ask is not None and agents:
            self._asked |= dict.fromkeys(agents, now)
            for verb in (Verb.VERSION_REPORT, Verb.HEALTH_CHECK):
                await self.ask(verb, agents)  # type: ignore[misc]

    async def _restamp(self) -> None:
        while self.steps:
            step = self.steps[0]
            for whole in await self.store.open():
                executions = [execution_restamped(one, step) for one in whole.executions]
                after = Whole(restamped(whole.rollout, step), executions)
                await self.store.save(whole, after, over=False)
            del self.steps[0]

    async def _busy(self, but: str) -> set[str]:
        """Agents that another rollout has which is not over; a draft has none."""
        return {
            one.agent
            for whole in await self.store.open()
            if whole.rollout.id != but and whole.rollout.started is not None
            for one in whole.executions
        }

    async def _require_free(self, whole: Whole) -> None:
        busy = await self._busy(whole.rollout.id)
        both = sorted(one.agent for one in whole.executions if one.agent in busy)
        if both:
            raise RolloutConflictError(
                f"rollout {whole.rollout.id} cannot go on now",
                f"{', '.join(both[:3])} is in another one that is not over",
                "fleet rollout list",
            )
