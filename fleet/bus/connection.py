"""What an adapter needs of one MQTT connection, from CONNECT to its loss.

Two serve: `AiomqttConnection` (aiomqtt and paho, either version) and `Mqtt5Connection` (MQTT 5,
for intake at the broker's own speed). Their errors are aiomqtt's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from fleet.contract.broker_capabilities import Capabilities

TIMEOUT: Final = 10.0
"""Seconds for CONNACK, SUBACK or PUBACK: a broker that takes longer is not one to wait for."""

GOODBYE: Final = 1.0
"""Seconds for the end of a connection: on a link that is dead nobody hears it, and who stops a hub
waits for it."""

SESSION_EXPIRY: Final = 7 * 86_400
"""Seconds the broker keeps a persistent session: the longest time to live of a command."""

IN_FLIGHT: Final = 4_000
"""Deliveries that may wait for our acknowledgement (MQTT 5; in 3.1.1 the broker decides).

It bounds our memory when the disk is slow; several commits' worth, so that the link never idles.
"""

FIRST_RETRY, LAST_RETRY = 0.2, 30.0
"""Seconds before a lost link is tried again, at first and at most: a broker that restarts is back
within one, and nobody waits for long."""

MAX_PACKET: Final = 1 << 20
"""Bytes: what the broker may send us in one piece; the contract's messages have 4 KiB."""

FAILURE: Final = 128
"""MQTT reason codes from here on are failures."""

TOO_LARGE: Final = 0x95
"""The reason code of a packet that is larger than the broker takes."""

HUNG_UP: Final = "hung up"
SILENT: Final = "Operation timed out"
"""How a connection fails whose peer does not understand our CONNECT."""

BROKE: Final = "the link broke before the broker answered"
"""Why a request failed that was on its way when the link was lost."""


class Connection(Protocol):
    """One connection.

    Attributes:
        lost: set once the connection is gone, for whatever reason.
        why: what the broker said when it hung up (MQTT 5 tells); empty: nothing.
        capabilities: what the broker says it can do (MQTT 5); where it keeps no retained
            messages, what is to be retained is published without that.
    """

    lost: asyncio.Event
    why: str
    capabilities: Capabilities

    async def __aenter__(self) -> object:
        """Connect.

        Raises:
            MqttCodeError: the broker refuses, with its reason code.
            MqttError: no connection came about; `HUNG_UP` and `SILENT` as said above.
        """
        ...

    async def __aexit__(self, kind: None, error: None, trace: None, /) -> None:
        """Say goodbye, which drops the will."""
        ...

    async def leave(self) -> None:
        """Say goodbye for good: the broker keeps nothing for us (MQTT 5; in 3.1.1 until the
        session expires)."""
        ...

    def abort(self) -> None:
        """Drop the connection at once, without a goodbye."""
        ...

    async def send_publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish, and wait for the acknowledgement (QoS 1).

        Raises:
            MqttCodeError: the broker refuses, or takes no packet as large.
            MqttError: the link broke, or no answer came.
            ValueError: `topic` is none.
        """
        ...

    async def send_subscribe(
        self, filters: dict[str, int], as_published: Sequence[str]
    ) -> list[int]:
        """Subscribe to filters at their QoS; the reason code of each, in order. `as_published`
        as in `Bus.subscribe`."""
        ...

    def acknowledge(self, mids: list[int]) -> None:
        """Acknowledge deliveries, in this order."""
        ...
