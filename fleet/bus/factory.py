"""How a hub gets its bus; importing this loads no MQTT client."""

from __future__ import annotations

from collections.abc import Callable

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.port import Bus

BusFactory = Callable[[ConnectOptions], Bus]


def mqtt(options: ConnectOptions) -> Bus:
    """The hub's link to a real broker."""
    from fleet.bus.mqtt import ingest_bus

    return ingest_bus(options)
