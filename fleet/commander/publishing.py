"""How a command of the hub gets on the bus: its message, signed where the fleet has keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp
from fleet.domain.commands import IssuedCommand

if TYPE_CHECKING:
    from fleet.hub.hub import Hub


async def publish(hub: Hub, topic: str, command: IssuedCommand, boot: int | None = None) -> bool:
    """Put `command` on the bus, for session `boot` only; False if it did not get there."""
    message: dict[str, Any] = {
        "verb": command.verb.value,
        "id": command.wire,
        "ts": timestamp(command.created),
        "ttl": command.ttl,
        "priority": command.priority.value,
    }
    if boot is not None and hub.signs:
        message["boot"] = boot
    try:
        await hub.bus.publish(topic, hub.signed(topic, message))
    except BrokerError:
        return False
    return True
