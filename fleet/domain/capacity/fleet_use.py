"""The whole fleet's room and use: of each agent, of each group, and of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final

from fleet.domain.capacity.agent_use import AgentUse, Tally
from fleet.domain.capacity.forecast import Forecast
from fleet.domain.capacity.prices import PriceTable
from fleet.domain.capacity.quota import Quota, Subject, Used, in_window
from fleet.domain.capacity.windows import MONTH, TODAY, Window

TOKENS: Final = "tokens"
"""The unit of what is no money."""

NO_COUNTERS: Final[Mapping[str, float]] = {}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of capacity."""

    zone: tzinfo = UTC
    quotas: tuple[Quota, ...] = ()
    prices: PriceTable = field(default_factory=PriceTable)


@dataclass(slots=True)
class FleetUse:
    """What is known of every agent; `groups` says who belongs to which."""

    rules: Rules
    agents: dict[str, AgentUse] = field(default_factory=dict)

    def take(self, agent: str, at: float, metrics: Mapping[str, Sequence[float]]) -> None:
        """An hour of an agent: its start, and (least, greatest, last) of each metric."""
        self.agents.setdefault(agent, AgentUse()).take(at, metrics)

    def tally(
        self,
        agent: str,
        groups: Sequence[str],
        now: float,
        live: Mapping[str, float] = NO_COUNTERS,
    ) -> Tally | None:
        """What an agent used; None: it counts no tokens."""
        use = self.agents.get(agent)
        return use.tally(now, live, self.rules.prices.of(agent, groups)) if use else None

    def of_agent(
        self,
        agent: str,
        groups: tuple[str, ...],
        now: float,
        tally: Tally | None,
        *,
        firing: bool = False,
    ) -> list[Forecast]:
        """What becomes of an agent; `firing`: somebody was told that its room is little."""
        use = self.agents.get(agent)
        found = use.room_forecasts(agent, now, firing=firing) if use else []
        if tally is not None:
            quotas = [q for q in self.rules.quotas if q.is_of_agent(agent, groups)]
            found += self._of_tally(tally, quotas, now, agent, "")
        return found

    def of_group(self, group: str, now: float, tally: Tally) -> list[Forecast]:
        """What becomes of what the members of a group use together; of no name: all."""
        quotas = [quota for quota in self.rules.quotas if quota.is_of_group(group)]
        return self._of_tally(tally, quotas, now, "", group)

    def _of_tally(
        self, tally: Tally, quotas: Iterable[Quota], now: float, agent: str, group: str
    ) -> list[Forecast]:
        zone = self.rules.zone
        asked: list[tuple[Used, Window, Quota | None]] = [
            (used, window, None) for used in (Used.TOKENS, Used.COST) for window in (TODAY, MONTH)
        ]
        asked += [(quota.used, quota.window, quota) for quota in quotas]
        found = []
        for used, window, quota in asked:
            if used is Used.COST and not tally.has_cost(window.begins(now, zone)):
                continue
            unit = self.rules.prices.currency if used is Used.COST else TOKENS
            subject = Subject(used, unit, agent, group)
            found.append(in_window(subject, tally.spent(used, now), window, now, zone, quota))
        return found
