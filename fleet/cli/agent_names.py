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

MOST: Final = 300
"""Names that a shell is given: nobody reads more. Of more the last one is among them, so that the
shell adds no letter that not all of them have."""


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
    home = str(given) if given else None
    names = known_names(home, incomplete, MOST) if _may_begin_a_name(incomplete) else []
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names]


def _may_begin_a_name(text: str) -> bool:
    """A hub is asked for no others, which it may refuse."""
    return is_agent_name(f"{text[:-1]}{text[-1:].replace('-', '0')}" if text else "0")


def known_names(home: str | None, prefix: str = "", most: int | None = None) -> list[str]:
    """Those that begin so of everybody whom this home's hub knows, or who is enrolled here; nobody
    where neither can be read: a shell that completes shows no errors. Of more than `most` the first
    ones and the last one."""
    from fleet.hub_client import HubClient
    from fleet.provisioning.registry import enrolled_here
    from fleet.settings import load

    try:
        settings = load({"home": home})
        hub = HubClient.asked(settings)
        told = _in_time(hub, prefix, most) if hub else None
        if told is None:
            here = enrolled_here(settings.home) or ()
            told = sorted(name for name in here if name.startswith(prefix))
    except (FleetError, OSError):
        return []
    return told if most is None or len(told) <= most else [*told[: most - 1], told[-1]]


def _in_time(hub: HubClient, prefix: str, most: int | None) -> list[str] | None:
    """The names that `hub` knows; None: it did not say so soon enough."""
    from fleet.hub_names import names_of

    told: list[list[str]] = []

    def ask() -> None:
        with suppress(FleetError, OSError):
            told.append(names_of(hub, prefix, limit=most).names)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return told[0] if told else None
