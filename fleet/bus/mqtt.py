"""The MQTT adapter: MQTT 5 where the broker speaks it, else 3.1.1, on aiomqtt and paho.

aiomqtt brings paho into asyncio. Three things it lacks are added in `_Client`: to acknowledge
after a commit (it does so on arrival), to see why a publish was refused, and to notice at once
when a broker hangs up during CONNECT instead of waiting for a time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.bus import backoff, troubles
from fleet.bus.arrivals import Arrivals
from fleet.bus.connect import SESSION_EXPIRY, Connection
from fleet.bus.port import Inbound
from fleet.contract.errors import BrokerError

TIMEOUT: Final = 10.0
"""Seconds for CONNACK, SUBACK or PUBACK: a broker that takes longer is not one to wait for."""

IN_FLIGHT: Final = 20_000
"""Deliveries that may wait for our acknowledgement (MQTT 5; in 3.1.1 the broker decides).

It bounds our memory when the disk is slow; several commits' worth, so that the link never idles.
"""

_REFUSED: Final = 128
"""MQTT reason codes from here on are failures."""

_NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Measured: without it at both ends a QoS 1 round trip takes 44 to 88 ms instead of 0.2."""

_MIDS: Final = 65_536
"""Packet ids are 16 bits; above them an `Inbound.mid` carries the connection's number."""

_log = logging.getLogger(__name__)


class _Client(aiomqtt.Client):
    """One connection, from CONNECT to its loss."""

    def __init__(
        self,
        connection: Connection,
        version: MQTTProtocolVersion,
        deliver: Callable[[Inbound], None],
        tag: int,
    ) -> None:
        five = version is MQTTProtocolVersion.MQTTv5
        will = connection.will
        super().__init__(
            connection.url.host,
            connection.url.port,
            identifier=connection.client_id,
            username=connection.url.user or None,
            password=connection.password,
            protocol=aiomqtt.ProtocolVersion(version),
            clean_session=None if five else not connection.persistent,
            clean_start=not connection.persistent if five else 3,
            properties=_properties(connection) if five else None,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            keepalive=connection.keepalive,
            tls_context=connection.tls_context(),
            socket_options=[_NODELAY],
            timeout=TIMEOUT,
            logger=_log,
        )
        self.pending_calls_threshold = 1_000_000  # a fleet-wide command is no reason to warn
        self._deliver = deliver
        self._tag = tag
        self.lost = asyncio.Event()
        self._refusals: dict[int, int] = {}
        self._client.manual_ack_set(connection.manual_ack)

    def hang_up(self) -> None:
        """Give the connection up at once; paho sees the end and clears away."""
        if isinstance(sock := self._client.socket(), socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def acknowledge(self, mid: int, qos: int) -> None:
        self._client.ack(mid, qos)

    async def put(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish; a refusal by the broker is an error, not a success as in aiomqtt."""
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc != 0:
            raise aiomqtt.MqttError("the link is down")
        if info.is_published():
            code = self._refusals.pop(info.mid, 0)
        else:
            done = asyncio.Event()
            with self._pending_call(info.mid, done, self._pending_publishes):
                await self._wait_for(done.wait(), timeout=None)
                if info.mid in self._pending_publishes:  # woken by the loss of the link
                    raise aiomqtt.MqttError("the link broke before the broker acknowledged it")
            code = self._refusals.pop(info.mid, 0)
        if code >= _REFUSED:
            raise aiomqtt.MqttCodeError(code, "refused")

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        del client, userdata
        payload = bytes(message.payload)
        mid = self._tag + message.mid
        self._deliver(Inbound(message.topic, payload, message.qos, message.retain, mid))

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        if reason_code.value >= _REFUSED:
            self._refusals[mid] = reason_code.value
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.lost.set()
        for waiting in self._pending_publishes.values():
            waiting.set()
        if self._connected.cancelled():
            return  # nobody waits for this connection any more
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("hung up"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # seen: asyncio need not warn that nobody looked


class MqttBus:
    """A `Bus` over MQTT that reconnects by itself; see `fleet.bus.port.Bus`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._version = MQTTProtocolVersion.MQTTv5
        self._client: _Client | None = None
        self._filters: dict[str, int] = {}
        self._arrivals = Arrivals()
        self._generation = 0
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`, as agreed with the broker."""
        return "5" if self._version is MQTTProtocolVersion.MQTTv5 else "3.1.1"

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
        self._arrivals.close()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        client = self._link()
        try:
            await client.put(topic, payload, qos, retain)
        except aiomqtt.MqttCodeError as error:
            raise BrokerError(
                f"the broker refused a publish to {topic}",
                f"reason code {_number(error.rc)}",
                "fleet acl test shows what this account may do",
            ) from None
        except (aiomqtt.MqttError, ValueError) as error:
            raise BrokerError(f"a publish to {topic} failed", str(error), "try again") from None

    async def subscribe(self, *filters: str, qos: int = 1) -> None:
        if not filters:
            return
        await self._subscribe(self._link(), dict.fromkeys(filters, qos))
        self._filters |= dict.fromkeys(filters, qos)

    def messages(self) -> AsyncIterator[Inbound]:
        return self._arrivals.messages()

    def batches(self) -> AsyncIterator[list[Inbound]]:
        return self._arrivals.batches()

    async def ack(self, message: Inbound) -> None:
        await self.ack_many([message])

    async def ack_many(self, messages: list[Inbound]) -> None:
        client = self._client
        if client is None or not self._connection.manual_ack:
            return
        for message in messages:
            generation, mid = divmod(message.mid, _MIDS)
            # A packet id of an earlier connection would acknowledge somebody else's message.
            if message.qos and generation == self._generation:
                client.acknowledge(mid, message.qos)

    def _link(self) -> _Client:
        if self._client is None:
            url = self._connection.url
            raise BrokerError(f"the link to {url} is down", "", "it reconnects by itself")
        return self._client

    async def _connect(self) -> None:
        """One attempt, falling back to MQTT 3.1.1 once.

        Raises:
            BrokerError: it failed; the message says how.
        """
        try:
            client = await self._open(self._version)
        except _SpeaksOlderError:
            self._version = MQTTProtocolVersion.MQTTv311
            try:
                client = await self._open(self._version)
            except _SpeaksOlderError:
                self._version = MQTTProtocolVersion.MQTTv5
                raise troubles.not_mqtt(self._connection.url) from None
        self._generation += 1
        if self._filters:
            try:
                await self._subscribe(client, self._filters)
            except BaseException:
                client.hang_up()
                raise
        self._client = client
        self._connection.on_link(True, f"MQTT {self.protocol}")

    async def _open(self, version: MQTTProtocolVersion) -> _Client:
        tag = (self._generation + 1) * _MIDS
        client = _Client(self._connection, version, self._arrivals.put, tag)
        url = self._connection.url
        try:
            return await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            code = _number(error.rc)
            if code in troubles.UNSUPPORTED_PROTOCOL and version is MQTTProtocolVersion.MQTTv5:
                raise _SpeaksOlderError from None
            raise troubles.refused(url, code) from None
        except aiomqtt.MqttError as error:
            client.hang_up()
            if str(error) in ("hung up", "Operation timed out"):
                raise _SpeaksOlderError from None
            raise troubles.unreachable(url, error) from None

    async def _subscribe(self, client: _Client, filters: dict[str, int]) -> None:
        try:
            codes = await client.subscribe(list(filters.items()))
        except aiomqtt.MqttError as error:
            raise BrokerError("a subscription failed", str(error), "try again") from None
        for name, code in zip(filters, codes, strict=True):
            value = _number(code)
            if value >= _REFUSED:
                raise BrokerError(
                    f"the broker refused the subscription to {name}",
                    f"reason code {value}",
                    "fleet acl test shows what this account may do",
                )

    async def _keep(self) -> None:
        """Wait for the loss of the link, and bring it back."""
        attempt = 0
        # Until Python 3.12, `asyncio.wait_for` (in aiomqtt) may swallow a cancellation.
        while not self._closed:
            if self._client is not None:
                await self._client.lost.wait()
                self._client = None
                self._connection.on_link(False, "the broker hung up")
                attempt = 0
            await asyncio.sleep(backoff.delay(attempt))
            attempt += 1
            try:
                await self._connect()
            except BrokerError as error:
                self._connection.on_link(False, error.why or error.what)


def _properties(connection: Connection) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = IN_FLIGHT
    if connection.persistent:
        properties.SessionExpiryInterval = SESSION_EXPIRY
    return properties


def _number(code: object) -> int:
    """A reason code as the number it is on the wire, in either version of MQTT."""
    value = code.value if isinstance(code, ReasonCode) else code
    return value if isinstance(value, int) else 0


class _SpeaksOlderError(Exception):
    """The peer does not answer an MQTT 5 CONNECT as an MQTT 5 broker does."""
