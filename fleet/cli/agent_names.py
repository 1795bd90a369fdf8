"""Names of agents as people type them: judged where they are typed, and completed by a shell."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.topics import is_agent_name

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from fleet.hub_client import HubClient

PATIENCE: Final = 1.0
"""Seconds that a shell waits for names: longer, and people press the key again."""

MOST: Final = 2000
"""Names that a shell is given: it shows no more, and sorts them slowly."""


class AgentName(click.ParamType[str]):
    """The name of an agent.

    Raises:
        ConfigError: it is none.
    """

    name = "agent"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_agent_name(value):
            raise ConfigError(f"{value!r} is not an agent name", "", "fleet status lists them")
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return complete_agents(ctx, param, incomplete)


def complete_agents(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """For a parameter that takes names of agents, and perhaps other words beside them."""
    given = ctx.params.get("home")
    names = known_names(str(given) if given else None)
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)][:MOST]


def known_names(home: str | None) -> list[str]:
    """Everybody whom this home's hub knows, or who is enrolled here; nobody where neither can be
    read: a shell that completes shows no errors."""
    from fleet.hub_client import HubClient
    from fleet.provisioning.registry import enrolled_here
    from fleet.settings import load

    try:
        settings = load({"home": home})
        hub = HubClient.asked(settings)
        told = _in_time(hub) if hub else None
        return sorted(enrolled_here(settings.home) or () if told is None else told)
    except (FleetError, OSError):
        return []


def _in_time(hub: HubClient) -> list[str] | None:
    """The names that `hub` knows; None: it did not say so soon enough."""
    told: list[list[str]] = []

    def ask() -> None:
        with suppress(FleetError, OSError):
            answer = hub.get("/v1/agents?brief=true")
            with hub.reading():
                told.append([agent["agent"] for agent in answer["agents"]])

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return told[0] if told else None
