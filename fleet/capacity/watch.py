"""The hub watches capacity: forecasts on a schedule, and the alerts that follow (ADR-0032).

Whoever asks, by HTTP or by a scrape, gets what the last round found: it costs nothing to ask.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from fleet.capacity.hours import PACE, Hours
from fleet.capacity.listing import Asked, chosen
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.capacity.agent_use import Tally
from fleet.domain.capacity.alerts import CODES, due
from fleet.domain.capacity.fleet_use import Rules
from fleet.domain.capacity.forecast import Forecast
from fleet.domain.events import Event, Fact
from fleet.metrics.capacity_metrics import metrics_of
from fleet.store.port import StoreUnavailableError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from fleet.hub.hub import Hub

FIRST: Final = 10.0
"""Seconds after the start: the backlog goes first."""

EVERY: Final = 300.0
"""Seconds between rounds: use of a limit is as fresh as that; of room, hours are known."""

SOON: Final = 15.0
"""Seconds until the next round after one that found new hours: the store sums up a backlog a
little at a time."""

BATCH: Final = 20
"""Agents between two rests: some 0.1 s beside the loop."""

_log = logging.getLogger(__name__)


class CapacityWatch:
    """A service of the hub. `first` and `every` are seconds."""

    name = "capacity"

    def __init__(self, hub: Hub, rules: Rules, first: float = FIRST, every: float = EVERY) -> None:
        self._hub = hub
        self._rules = rules
        self._first = first
        self._every = every
        self.hours = Hours(hub.store, rules)
        self._of_agents: dict[str, Sequence[Forecast]] = {}
        self._of_groups: dict[str, Sequence[Forecast]] = {}
        self._all: list[Forecast] = []
        self.computed_at: float | None = None
        """When the last round ended, s since the epoch by the hub's time."""
        hub.on_step.append(lambda _step: self.hours.begin_anew())

    async def run(self) -> None:
        await asyncio.sleep(self._first)
        while True:
            more = False
            try:
                more = await self.look()
            except StoreUnavailableError:  # intake says so; this can wait
                _log.info("no forecasts: the store is away")
            await asyncio.sleep(min(SOON, self._every) if more else self._every)

    def list(self, asked: Asked) -> list[Forecast]:
        """What the last round found of whoever is asked for, the soonest end first."""
        if asked.is_of_all:
            return self._all
        members = self._hub.roster.members(f"group:{asked.group}") if asked.group else ()
        return chosen(asked, self._of_agents, self._of_groups, members)

    def metrics(self) -> Iterable[Metric]:
        """What a scrape gets."""
        return metrics_of(self._all, self.computed_at, self._hub.committer.now())

    async def look(self) -> bool:
        """One round: read, compute, raise and resolve alerts; whether there were new hours. By a
        clock that is doubted no limit's window ends, so nothing is raised."""
        committer, roster = self._hub.committer, self._hub.roster
        now = committer.now()
        touched = await self.hours.read(now)
        use = self.hours.use
        known = roster.names()
        for gone in use.agents.keys() - known:
            del use.agents[gone]
        for gone in self._of_agents.keys() - use.agents.keys():
            del self._of_agents[gone]
        tallies = await self._each(touched, now)
        if self.hours.use is not use:  # the hub's times moved meanwhile
            return True
        self._of_groups = await asyncio.to_thread(
            lambda: {group: use.of_group(group, now, tally) for group, tally in tallies.items()}
        )
        self._all = chosen(Asked(), self._of_agents, self._of_groups, ())
        self.computed_at = committer.now()
        if committer.time.doubt is None and self.hours.is_whole:
            await self._tell(now)
        return bool(touched)

    async def _each(self, touched: set[str], now: float) -> dict[str, Tally]:
        """Compute anew whoever has a new hour or a limit of its own; what each group used."""
        roster, book = self._hub.roster, self._hub.committer.book
        tallies: dict[str, Tally] = {}
        names = sorted(self.hours.use.agents)
        for start in range(0, len(names), BATCH):
            began = time.monotonic()
            batch = {
                name: (
                    roster.groups(name),
                    roster.metrics(name),
                    book.fires(name, HubAlertCode.CAPACITY_LOW),
                )
                for name in names[start : start + BATCH]
            }
            found = await asyncio.to_thread(self._compute, batch, touched, now, tallies)
            self._of_agents |= found
            await asyncio.sleep(PACE * (time.monotonic() - began))
        return tallies

    def _compute(
        self,
        batch: Mapping[str, tuple[tuple[str, ...], Mapping[str, float], bool]],
        touched: set[str],
        now: float,
        tallies: dict[str, Tally],
    ) -> dict[str, Sequence[Forecast]]:
        """In a thread: the forecasts of some agents; joins what they used to that of `tallies`."""
        found: dict[str, Sequence[Forecast]] = {}
        use = self.hours.use
        for name, (groups, live, firing) in batch.items():
            tally = use.tally(name, groups, now, live)
            if tally is not None:
                for group in ("", *groups):
                    tallies.setdefault(group, Tally()).join(tally)
            limited = any(quota.is_of_agent(name, groups) for quota in self._rules.quotas)
            if limited or name in touched or name not in self._of_agents:
                found[name] = use.of_agent(name, groups, now, tally, firing=firing)
        return found

    async def _tell(self, now: float) -> None:
        committer = self._hub.committer
        book = committer.book
        fires = {a.agent: a.severity for a in book.firing() if a.code == HubAlertCode.QUOTA_NEAR}
        wanted = due(self._all, now, fires)
        events = []
        for (agent, code), (severity, amount) in wanted.items():
            known = committer.book.firing_of(agent).get(code)
            if known is None or known.severity is not severity:
                events.append(Event(Fact.ALERT_FIRING, agent, now, code, severity, amount=amount))
        events += [
            Event(Fact.ALERT_RESOLVED, alert.agent, now, alert.code)
            for alert in committer.book.firing()
            if alert.code in CODES and (alert.agent, alert.code) not in wanted
        ]
        if events:
            await committer.write(events)
