"""The MQTT adapter: MQTT 5 where the broker speaks it, else 3.1.1; it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import aiomqtt
from paho.mqtt.enums import MQTTProtocolVersion

from fleet.bus import backoff, error_messages
from fleet.bus.aiomqtt_connection import AiomqttConnection, number
from fleet.bus.connect_options import ConnectOptions, connect_options
from fleet.bus.connection import FAILURE, HUNG_UP, SILENT, Connection
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters
from fleet.contract.errors import BrokerError, RefusedError

if TYPE_CHECKING:
    from fleet.settings import Settings

STABLE_AFTER: Final = 5.0
"""Seconds from which on a connection has lived: one that did not is no reason to hurry again."""

MAX_SHORT_CONNECTIONS: Final = 3
"""Connections in a row that the broker ended at once, from which on somebody else is suspected."""

MIDS: Final = 65_536
"""Packet ids are 16 bits; above them an `Inbound.mid` carries the connection's number."""

LinkFactory = Callable[
    [ConnectOptions, MQTTProtocolVersion, InboundQueue, TopicFilters, int], Connection
]
"""Makes a link from: connection, version, where arrivals go, which do, what is added to their
mids."""


def plain(
    options: ConnectOptions,
    version: MQTTProtocolVersion,
    inbound: InboundQueue,
    filters: TopicFilters,
    tag: int,
) -> Connection:
    """Links for all uses but intake at full speed."""
    return AiomqttConnection(options, version, inbound.append, filters, tag)


def fast(
    options: ConnectOptions,
    version: MQTTProtocolVersion,
    inbound: InboundQueue,
    filters: TopicFilters,
    tag: int,
) -> Connection:
    """Links for intake: the compiled codec where MQTT 5 is spoken."""
    if version is not MQTTProtocolVersion.MQTTv5:
        return plain(options, version, inbound, filters, tag)
    from fleet.bus.mqtt5_connection import Mqtt5Connection

    return Mqtt5Connection(options, inbound, filters, tag)


class MqttBus:
    """A `Bus` over MQTT that reconnects by itself; see `fleet.bus.port.Bus`.

    Args:
        connection: where to, as whom, with what session.
        open_link: makes the connections; `plain` or `fast`.
    """

    def __init__(self, options: ConnectOptions, open_link: LinkFactory = plain) -> None:
        self._options = options
        self._open_link = open_link
        self._version = MQTTProtocolVersion.MQTTv5
        self._client: Connection | None = None
        self._filters: dict[str, int] = {}
        self._as_published: tuple[str, ...] = ()
        self._inbound = InboundQueue()
        self._passed_on = TopicFilters(resumed=options.persistent)
        self._generation = 0
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`, as agreed with the broker."""
        return "5" if self._version is MQTTProtocolVersion.MQTTv5 else "3.1.1"

    @property
    def retains(self) -> bool:
        """Whether the broker keeps retained messages, as far as it tells."""
        return self._client is None or self._client.retains

    @property
    def unasked(self) -> int:
        return self._passed_on.unasked

    async def __aenter__(self) -> Self:
        await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="bus-link")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
        self._inbound.close()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        client = self._connection()
        try:
            await client.send_publish(topic, payload, qos, retain)
        except aiomqtt.MqttCodeError as error:
            raise RefusedError(
                f"the broker refused a publish to {topic}",
                f"reason code {number(error.rc)}",
                "fleet acl test shows what this account may do",
            ) from None
        except (aiomqtt.MqttError, ValueError) as error:
            raise BrokerError(f"a publish to {topic} failed", str(error), "try again") from None

    async def subscribe(
        self, *filters: str, qos: int = 1, as_published: Sequence[str] = ()
    ) -> None:
        if not filters:
            return
        client, wanted = self._connection(), dict.fromkeys(filters, qos)
        self._passed_on.add(filters)  # before: messages may come ahead of the grant
        await self._subscribe(client, wanted, as_published)
        self._filters |= wanted
        self._as_published = (*self._as_published, *as_published)

    def messages(self) -> AsyncIterator[Inbound]:
        return self._inbound.messages()

    def batches(self) -> AsyncIterator[list[Inbound]]:
        return self._inbound.batches()

    async def ack(self, message: Inbound) -> None:
        await self.ack_many([message])

    async def ack_many(self, messages: list[Inbound]) -> None:
        client = self._client
        if client is None or not self._options.manual_ack:
            return
        # A packet id of an earlier connection would acknowledge somebody else's message.
        first = self._generation * MIDS
        mids = [m.mid - first for m in messages if m.qos and m.mid >= first]
        client.acknowledge(mids)

    def _connection(self) -> Connection:
        if self._client is None:
            url = self._options.url
            raise BrokerError(f"the link to {url} is down", "", "it reconnects by itself")
        return self._client

    async def _connect(self) -> None:
        """One attempt, falling back to MQTT 3.1.1 once.

        Raises:
            BrokerError: it failed; the message says how.
        """
        client = await self._open(MQTTProtocolVersion.MQTTv5)
        if client is None:
            client = await self._open(MQTTProtocolVersion.MQTTv311)
        if client is None:
            raise error_messages.not_mqtt(self._options.url)
        self._generation += 1
        if self._filters:
            try:
                await self._subscribe(client, self._filters, self._as_published)
            except BaseException:
                client.abort()
                raise
        self._client = client
        lacks = "" if client.retains else ", which keeps no retained messages"
        self._options.on_link(True, f"MQTT {self.protocol}{lacks}")

    async def _open(self, version: MQTTProtocolVersion) -> Connection | None:
        """A connection in `version`; None if the peer does not answer it as a broker of it does."""
        tag = (self._generation + 1) * MIDS
        client = self._open_link(self._options, version, self._inbound, self._passed_on, tag)
        url = self._options.url
        try:
            await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            code = number(error.rc)
            if (
                code in error_messages.UNSUPPORTED_PROTOCOL
                and version is MQTTProtocolVersion.MQTTv5
            ):
                return None
            raise error_messages.refused(url, code) from None
        except aiomqtt.MqttError as error:
            client.abort()
            if str(error) in (HUNG_UP, SILENT):
                return None
            raise error_messages.unreachable(url, error) from None
        self._version = version
        return client

    async def _subscribe(
        self, client: Connection, filters: dict[str, int], as_published: Sequence[str]
    ) -> None:
        try:
            codes = await client.send_subscribe(filters, as_published)
        except aiomqtt.MqttError as error:
            raise BrokerError("a subscription failed", str(error), "try again") from None
        for name, code in zip(filters, codes, strict=True):
            if code >= FAILURE:
                raise RefusedError(
                    f"the broker refused the subscription to {name}",
                    f"reason code {code}",
                    "fleet acl test shows what this account may do",
                )
            if code < filters[name]:
                raise error_messages.weakly_granted(self._options.url, name)

    async def _keep(self) -> None:
        """Wait for the loss of the link, and bring it back; only one that lived is brought back
        at once, or two hubs of one account would push each other out for ever."""
        attempt = short = 0
        # Until Python 3.12, `asyncio.wait_for` (in aiomqtt) may swallow a cancellation.
        while not self._closed:
            if (client := self._client) is not None:
                began = time.monotonic()
                await client.lost.wait()
                self._client = None
                if time.monotonic() - began >= STABLE_AFTER:
                    attempt = short = 0
                else:
                    short += 1
                taken_over = (
                    client.why == error_messages.TAKEN_OVER or short >= MAX_SHORT_CONNECTIONS
                )
                why = error_messages.client_id_taken(self._options) if taken_over else client.why
                self._options.on_link(False, why or "the broker hung up")
            await asyncio.sleep(backoff.delay(attempt))
            attempt += 1
            try:
                await self._connect()
            except BrokerError as error:
                self._options.on_link(False, error.why or error.what)


def ingest_bus(options: ConnectOptions) -> MqttBus:
    """The bus for a reader that must keep up with a whole fleet."""
    return MqttBus(options, fast)


def open_bus(settings: Settings, *, client_id: str | None = None) -> MqttBus:
    """A bus for a short while, as the command line opens one."""
    return ingest_bus(connect_options(settings, client_id=client_id))
