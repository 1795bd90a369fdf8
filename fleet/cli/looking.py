"""The fleet as it is now, for commands that ask once: no event loop where a hub serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fleet.cli.common import finish
from fleet.contract.errors import ConfigError
from fleet.fleet_page import MOST, FleetPage, asked_page, page_of
from fleet.fleet_state import FleetState, asked_of_hub, of_broker, told_by
from fleet.hub_names import names_of
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.cli.agent_choice import AgentChoice
    from fleet.domain.agent_view import AgentView
    from fleet.hub_client import HubClient


def look_at_all(settings: Settings, choice: AgentChoice) -> FleetState:
    """Those that are meant, however many they are.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
        ConfigError: nobody has heard of one that is named.
    """
    state, why = asked_of_hub(settings, lambda hub: _all_told_by(hub, choice))
    return state or choice.among(finish(of_broker(settings, why)))


def look_at(settings: Settings, choice: AgentChoice, most: int = MOST) -> FleetPage:
    """The worst `most` of those that are meant; of one that is named alone, it.

    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
        ConfigError: nobody has heard of one that is named.
    """
    page, why = asked_of_hub(settings, lambda hub: _told_by(hub, choice, most))
    return page or page_of(choice.among(finish(of_broker(settings, why))), most)


def _all_told_by(hub: HubClient, choice: AgentChoice) -> FleetState:
    """Of one site, that site is asked for, as for a page: of a name that two sites have, an answer
    of both tells the first alone."""
    query = choice.query if len(choice.sites) == 1 else None
    state = told_by(hub, query or "")
    return choice.among(state, _known(hub, choice, state.views))


def _told_by(hub: HubClient, choice: AgentChoice, most: int) -> FleetPage:
    query = choice.query
    page = None if query is None else asked_page(hub, query, most, choice.own, choice.means)
    if page is None:
        page = page_of(_all_told_by(hub, choice), most)
    else:
        choice.check_known(_known(hub, choice, page.views))
    if choice.is_of_one and not page.views:
        what = f"nothing was known of {choice} a moment ago"
        raise ConfigError(what, "it is new", "again in a moment")
    return page


def _known(hub: HubClient, choice: AgentChoice, views: Iterable[AgentView]) -> set[str]:
    """Names that are known: those of the `views` where all that were typed are among them."""
    names = {view.agent for view in views}
    if names.issuperset(choice.names):
        return names
    return set(names_of(hub).names)
