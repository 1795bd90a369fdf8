"""The fleet as it is now, for commands that ask once: no event loop where a hub serves."""

from __future__ import annotations

from fleet.cli.common import finish
from fleet.fleet_state import FleetState, of_broker, of_hub
from fleet.settings import Settings


def look_now(settings: Settings) -> FleetState:
    """
    Raises:
        HubError: the hub that the settings name is away or refuses.
        BrokerError: no hub serves, and the broker is away or refuses.
    """
    state, why = of_hub(settings)
    return state or finish(of_broker(settings, why))
