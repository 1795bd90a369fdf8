"""The fleet as it is now, for commands that ask once: no event loop where a hub serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet.cli.common import finish
from fleet.fleet_page import MOST, FleetPage, asked_page, page_of
from fleet.fleet_state import FleetState, asked_of_hub, of_broker, of_hub, told_by
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.cli.agent_choice import AgentChoice
    from fleet.hub_client import HubClient


def look_now(settings: Settings) -> FleetState:
    """Everybody.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
    """
    state, why = of_hub(settings)
    return state or finish(of_broker(settings, why))


def look_at(settings: Settings, choice: AgentChoice, most: int = MOST) -> FleetPage:
    """The worst `most` of those that are meant.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
        ConfigError: nobody has heard of one that is named.
    """
    page, why = asked_of_hub(settings, lambda hub: _told_by(hub, choice, most))
    return page or page_of(choice.among(finish(of_broker(settings, why))), most)


def _told_by(hub: HubClient, choice: AgentChoice, most: int) -> FleetPage:
    query = choice.query
    page = None if query is None else asked_page(hub, query, most, choice.own)
    if page is None:
        return page_of(choice.among(told_by(hub)), most)
    if not {view.agent for view in page.views}.issuperset(choice.names):
        answer = hub.get("/v1/agents?brief=true")
        with hub.reading():
            known = {agent["agent"] for agent in answer["agents"]}
        choice.check_known(known)
    # Who is in another state by now than at the hub's last tick is not meant.
    return replace(page, views=[view for view in page.views if choice.means(view)])
