"""`fleet forecast` and MCP ask here: the hub where one serves, else the store of this home."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fleet.capacity.from_store import forecasts
from fleet.capacity.listing import Asked
from fleet.domain.capacity.forecast import Forecast, forecast_from
from fleet.domain.capacity.settings import rules_of
from fleet.fleet_history import open_history
from fleet.hub_client import HubClient, HubError
from fleet.hub_names import names_of
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

PAGE: Final = 1000
"""Forecasts asked for at once: some 400 kB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Forecasts, the soonest end first; `is_whole`: whether the hub has read all hours by now."""

    forecasts: list[Forecast]
    is_whole: bool = True


async def ask(settings: Settings, asked: Asked) -> Answer:
    """
    Raises:
        HubError: the hub that the settings name is away or refuses.
        ConfigError: none serves and this home has no store, or a table is not usable.
    """
    hub = await asyncio.to_thread(HubClient.asked, settings)
    if hub is not None:
        try:
            return await asyncio.to_thread(_of_hub, hub, asked)
        except HubError:
            if settings.hub:
                raise
    rules = rules_of(settings.tables)
    groups = {name: one.groups for name, one in (Registry(settings.home).agents() or {}).items()}
    async with open_history(settings) as past:
        return Answer(await forecasts(past, rules, groups, asked, time.time()))


async def known_agents(settings: Settings) -> frozenset[str]:
    """Everybody of whom there may be a forecast: known to the hub, else enrolled or stored here.

    Raises:
        HubError: the hub that the settings name is away or refuses.
    """
    hub = await asyncio.to_thread(HubClient.asked, settings)
    if hub is not None:
        try:
            return frozenset((await asyncio.to_thread(names_of, hub)).names)
        except HubError:
            if settings.hub:
                raise
    every = await ask(settings, Asked())
    enrolled = Registry(settings.home).agents() or {}
    return frozenset(enrolled) | {one.agent for one in every.forecasts if one.agent}


def _of_hub(hub: HubClient, asked: Asked) -> Answer:
    found: list[Forecast] = []
    wanted: dict[str, Any] = {"limit": PAGE}
    wanted |= {k: v for k, v in (("agent", asked.agent), ("group", asked.group)) if v is not None}
    while True:
        answer = hub.get(f"/v1/forecast?{urlencode(wanted)}")
        with hub.reading():
            found += (forecast_from(item) for item in answer["forecasts"])
            cursor, is_whole = answer["next"], bool(answer["whole"])
        if cursor is None:
            return Answer(found, is_whole)
        wanted["cursor"] = cursor
