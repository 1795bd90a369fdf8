"""One attempt to come to a link: MQTT 5 first, 3.1.1 where that is not spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiomqtt
from paho.mqtt.enums import MQTTProtocolVersion

from fleet.bus import error_messages
from fleet.bus.aiomqtt_connection import number
from fleet.bus.connect_options import ConnectOptions, asked
from fleet.bus.connection import FAILURE, HUNG_UP, SILENT, Connection
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.own_broker import prove
from fleet.bus.tls_probe import tls_fault
from fleet.bus.topic_filters import TopicFilters
from fleet.contract.broker_capabilities import Lack, Weight
from fleet.contract.errors import BrokerError, RefusedError

MIDS: Final = 65_536
"""Packet ids are 16 bits; above them an `Inbound.mid` carries the connection's number."""

LinkFactory = Callable[
    [ConnectOptions, MQTTProtocolVersion, InboundQueue, TopicFilters, int], Connection
]
"""Makes a link from: connection, version, where arrivals go, which do, what is added to their
mids."""


@dataclass(frozen=True, slots=True)
class Link:
    """A connection that came about; `generation` is its number."""

    client: Connection
    version: MQTTProtocolVersion
    lacks: tuple[Lack, ...]
    generation: int


class Attempts:
    """Makes links whose arrivals all go to one queue.

    Attributes:
        open: links whose deliveries can be acknowledged, by their number. A session goes on, and
            its messages come, before its filters are granted.
    """

    def __init__(
        self, open_link: LinkFactory, inbound: InboundQueue, passed_on: TopicFilters
    ) -> None:
        self._open_link = open_link
        self._inbound = inbound
        self._passed_on = passed_on
        self._generation = 0
        self.open: dict[int, Connection] = {}

    async def connect(self, options: ConnectOptions) -> Link:
        """
        Raises:
            BrokerError: it failed; the message says how.
        """
        for version in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
            made = await self._link(options, version)
            if made is not None:
                return made
        raise error_messages.not_mqtt(options.url, await asyncio.to_thread(tls_fault, options))

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge deliveries, by the mids of `Inbound`, in this order. A packet id of a
        connection that is gone would acknowledge somebody else's message."""
        for generation, client in list(self.open.items()):
            if client.lost.is_set():
                del self.open[generation]
                continue
            first = generation * MIDS
            if own := [mid - first for mid in mids if first <= mid < first + MIDS]:
                client.acknowledge(own)

    async def _link(self, options: ConnectOptions, version: MQTTProtocolVersion) -> Link | None:
        """A connection in `version`; None if the peer does not answer it as a broker of it does."""
        self._generation += 1
        generation = self._generation
        await prove(options.must_prove, options.url)
        client = self._open_link(
            options, version, self._inbound, self._passed_on, generation * MIDS
        )
        self.open[generation] = client
        try:
            made = await self._greeted(client, options, version)
        except BaseException:
            self.open.pop(generation, None)
            client.abort()
            raise
        if not made:
            self.open.pop(generation, None)
            return None
        lacks = tuple(client.capabilities.lacks(**asked(options)))
        if lacks and lacks[0].weight is Weight.FATAL:
            self.open.pop(generation, None)
            client.abort()
            raise error_messages.lacking(options.url, lacks[0])
        return Link(client, version, lacks, generation)

    async def _greeted(
        self, client: Connection, options: ConnectOptions, version: MQTTProtocolVersion
    ) -> bool:
        try:
            await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            code = number(error.rc)
            five = version is MQTTProtocolVersion.MQTTv5
            if code in error_messages.UNSUPPORTED_PROTOCOL and five:
                return False
            raise error_messages.refused(options.url, code) from None
        except aiomqtt.MqttError as error:
            client.abort()
            if str(error) in (HUNG_UP, SILENT):
                return False
            raise error_messages.unreachable(options.url, error) from None
        return True


async def subscribe(
    client: Connection,
    options: ConnectOptions,
    filters: dict[str, int],
    as_published: Sequence[str],
) -> None:
    """
    Raises:
        BrokerError: the broker refuses a filter, or grants it less than was asked for.
    """
    try:
        codes = await client.send_subscribe(filters, as_published)
    except aiomqtt.MqttError as error:
        raise BrokerError("a subscription failed", str(error), "try again") from None
    if len(codes) != len(filters):
        what = f"{len(codes)} answers to {len(filters)} filters"
        raise BrokerError("a subscription failed", what, "look at the broker")
    for name, code in zip(filters, codes, strict=True):
        if code >= FAILURE:
            raise RefusedError(
                f"the broker refused the subscription to {name}",
                f"reason code {code}",
                "fleet acl test shows what this account may do",
            )
        if code < filters[name]:
            raise error_messages.weakly_granted(options.url, name)
