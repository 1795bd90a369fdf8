"""One MQTT connection on aiomqtt and paho, in either version of MQTT.

aiomqtt brings paho into asyncio. Three things it lacks are added: to acknowledge after a commit
(it does so on arrival), to see why a publish was refused, and to notice at once when a broker
hangs up, on a CONNECT or a SUBSCRIBE, instead of waiting for a time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import MQTT_LOG_ERR, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import (
    BROKE,
    FAILURE,
    HUNG_UP,
    IN_FLIGHT,
    MAX_PACKET,
    SESSION_EXPIRY,
    TIMEOUT,
    TOO_LARGE,
)
from fleet.bus.error_messages import disconnected
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters
from fleet.contract.broker_capabilities import Capabilities, packet_size
from fleet.contract.publish_properties import of_paho

NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Measured: without it at both ends a QoS 1 round trip takes 44 to 88 ms instead of 0.2."""

PAHO_WINDOW: Final = 20
"""Unacknowledged publishes that paho has on the way by itself, whatever the broker states."""

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
_log.propagate = False
"""aiomqtt logs a traceback for an answer whose asker was cancelled, as at Ctrl-C: no news for a
person. What matters of a link comes as errors and through its observer."""


class AiomqttConnection(aiomqtt.Client):
    """One connection, from CONNECT to its loss.

    Args:
        filters: what is passed on; None: whatever comes.
    """

    def __init__(
        self,
        options: ConnectOptions,
        version: MQTTProtocolVersion,
        deliver: Callable[[Inbound], None],
        filters: TopicFilters | None,
        tag: int,
    ) -> None:
        five = version is MQTTProtocolVersion.MQTTv5
        will = options.will
        super().__init__(
            options.url.host,
            options.url.port,
            identifier=options.client_id,
            username=options.url.user or None,
            password=options.password,
            protocol=aiomqtt.ProtocolVersion(version),
            clean_session=None if five else not options.persistent,
            clean_start=not options.persistent if five else 3,
            properties=_properties(options) if five else None,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            keepalive=options.keepalive,
            tls_context=options.tls_context(),
            socket_options=[NODELAY],
            timeout=TIMEOUT,
            logger=_log,
        )
        self.pending_calls_threshold = 1_000_000  # a fleet-wide command is no reason to warn
        self._deliver = deliver
        self._filters = filters
        self._tag = tag
        self.lost = asyncio.Event()
        self.why = ""
        self.capabilities = Capabilities(mqtt_5=five)
        self._refusals: dict[int, int] = {}
        self._tls_said = ""
        if options.url.tls:
            self._client.on_log = self._on_log
        self._client.manual_ack_set(options.manual_ack)
        # Nothing public comes before paho's parser.
        self._packet_read = self._client._packet_read  # noqa: SLF001
        self._client._packet_read = self._read_packet  # type: ignore[method-assign]  # noqa: SLF001

    async def leave(self) -> None:
        """Say goodbye; MQTT 5 lets the session end with it."""
        if self.capabilities.mqtt_5:
            ending = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            ending.SessionExpiryInterval = 0
            say_goodbye = partial(self._client.disconnect, properties=ending)
            self._client.disconnect = say_goodbye  # type: ignore[method-assign]
        with contextlib.suppress(aiomqtt.MqttError):
            await self.__aexit__(None, None, None)

    def abort(self) -> None:
        """Give the connection up at once; paho sees the end and clears away."""
        if isinstance(sock := self._client.socket(), socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _read_packet(self) -> MQTTErrorCode:
        """paho stumbles in many ways over what is not MQTT, tries it again for ever, and waits for
        any length that a packet states: here it ends the connection."""
        try:
            code = self._packet_read()
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over
            self.why = self.why or f"what the broker sends is not MQTT: {type(error).__name__}"
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if self._client._in_packet["remaining_length"] > MAX_PACKET:  # noqa: SLF001
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return code

    def acknowledge(self, mids: list[int]) -> None:
        for mid in mids:
            self._client.ack(mid, 1)

    async def send_subscribe(
        self, filters: dict[str, int], as_published: Sequence[str]
    ) -> list[int]:
        """Subscribe; the reason code of each filter, in order. Of two copies that two filters
        bring nothing here tells which is which, so nothing is asked for as published."""
        return [number(code) for code in await self.subscribe(list(filters.items()))]

    async def send_publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish; a refusal by the broker is an error, not a success as in aiomqtt."""
        if not self.capabilities.takes(packet_size(topic, payload)):
            raise aiomqtt.MqttCodeError(TOO_LARGE, "refused")  # it would hang up
        retain = retain and self.capabilities.retained  # here too
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
                    raise aiomqtt.MqttError(BROKE)
            code = self._refusals.pop(info.mid, 0)
        if code >= FAILURE:
            raise aiomqtt.MqttCodeError(code, "refused")

    def _on_log(self, _client: Any, _userdata: Any, level: int, said: str) -> None:
        """paho keeps what TLS says of an end to itself, but for its log."""
        if level == MQTT_LOG_ERR and "SSL" in said:
            self._tls_said = said

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.capabilities = Capabilities.of_paho(properties, mqtt_5=self.capabilities.mqtt_5)
        self._client.on_log = None
        # paho does not take the broker's bound by itself, nor from us once it is connected.
        vars(self._client)["_max_inflight_messages"] = min(PAHO_WINDOW, self.capabilities.window)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """As in aiomqtt, but for a link that broke before the loop came to it: its descriptor is
        none then, or already another one's."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - as in aiomqtt: the link broke
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        del client, userdata
        topic = message.topic
        if self._filters is not None and not self._filters.match(topic):
            if message.qos:
                self._client.ack(message.mid, message.qos)
            return
        payload = bytes(message.payload)
        mid = self._tag + message.mid
        beside = of_paho(message.properties)
        self._deliver(Inbound(topic, payload, message.qos, message.retain, mid, beside))

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        if reason_code.value >= FAILURE:
            self._refusals[mid] = reason_code.value
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.why = disconnected(number(reason_code))
        self.lost.set()
        for waiting in self._pending_publishes.values():
            waiting.set()
        for answer in self._pending_subscribes.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError(BROKE))
        if self._connected.cancelled():
            return  # nobody waits for this connection any more
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(self._tls_said or HUNG_UP))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # seen: asyncio need not warn that nobody looked


def number(code: object) -> int:
    """A reason code as the number it is on the wire, in either version of MQTT."""
    value = code.value if isinstance(code, ReasonCode) else code
    return value if isinstance(value, int) else 0


def _properties(options: ConnectOptions) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = IN_FLIGHT
    if options.persistent:
        properties.SessionExpiryInterval = SESSION_EXPIRY
    return properties
