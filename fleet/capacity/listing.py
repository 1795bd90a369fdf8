"""Forecasts as they are asked for: of one agent, of a group, of all, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet.domain.capacity.forecast import Forecast, soonest_first


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose forecasts; of nobody named: of all agents, groups and the fleet.

    `agents` are the members of `group` where one is named.
    """

    agent: str | None = None
    group: str | None = None

    @property
    def is_of_all(self) -> bool:
        return self.agent is None and self.group is None


def chosen(
    asked: Asked,
    of_agents: Mapping[str, Sequence[Forecast]],
    of_groups: Mapping[str, Sequence[Forecast]],
    members: Iterable[str],
) -> list[Forecast]:
    """Those that are asked for, the soonest end first; `members` are those of the group."""
    if asked.agent is not None:
        found = list(of_agents.get(asked.agent, ()))
    elif asked.group is not None:
        found = list(of_groups.get(asked.group, ()))
        found += (one for name in members for one in of_agents.get(name, ()))
    else:
        found = [one for each in (*of_agents.values(), *of_groups.values()) for one in each]
    return sorted(found, key=soonest_first)
