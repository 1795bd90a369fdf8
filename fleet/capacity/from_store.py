"""Forecasts without a hub: all hours are read again, each time that somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fleet.capacity.listing import Asked, chosen
from fleet.domain.capacity.agent_use import Tally
from fleet.domain.capacity.fleet_use import FleetUse, Rules
from fleet.domain.capacity.forecast import HOUR, KNOWN, Forecast
from fleet.fleet_history import PAGE, FleetHistory, Span

Groups = Mapping[str, tuple[str, ...]]
"""The groups of each agent."""


async def forecasts(
    past: FleetHistory, rules: Rules, groups: Groups, asked: Asked, now: float
) -> list[Forecast]:
    """What becomes of whoever is asked for; `now` is s since the epoch. It reads 35 days of hourly
    sums, of one agent or of all.

    Raises:
        HubError: the hub is away, refuses, or is of another version.
    """
    use = await _read(past, rules, asked.agent, now)
    tallies: dict[str, Tally] = {}
    of_agents = {}
    for name in use.agents:
        tally = use.tally(name, groups.get(name, ()), now)
        of_agents[name] = use.of_agent(name, groups.get(name, ()), now, tally)
        if tally is None:
            continue
        for group in ("", *groups.get(name, ())):
            tallies.setdefault(group, Tally()).join(tally)
    of_groups = {group: use.of_group(group, now, tally) for group, tally in tallies.items()}
    members = [name for name, own in groups.items() if asked.group in own]
    return chosen(asked, of_agents, of_groups, members)


async def _read(past: FleetHistory, rules: Rules, agent: str | None, now: float) -> FleetUse:
    use = FleetUse(rules)
    span = Span(since=now - KNOWN, until=now + HOUR, agent=agent, limit=PAGE)
    while True:
        hours, cursor = await past.hours(span)
        for hour in hours:
            at = datetime.fromisoformat(hour["hour"]).timestamp()
            metrics = {n: (v["min"], v["max"], v["last"]) for n, v in hour["metrics"].items()}
            use.take(hour["agent"], at, metrics)
        if cursor is None:
            return use
        span = replace(span, cursor=cursor)
