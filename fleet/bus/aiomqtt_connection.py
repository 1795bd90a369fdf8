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
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import BROKE, FAILURE, IN_FLIGHT, SESSION_EXPIRY, TIMEOUT
from fleet.bus.error_messages import disconnected
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters
from fleet.contract.publish_properties import of_paho

NODELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Measured: without it at both ends a QoS 1 round trip takes 44 to 88 ms instead of 0.2."""

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
        self.retains = True
        self._refusals: dict[int, int] = {}
        self._client.manual_ack_set(options.manual_ack)

    def abort(self) -> None:
        """Give the connection up at once; paho sees the end and clears away."""
        if isinstance(sock := self._client.socket(), socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

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
            self._connected.set_exception(aiomqtt.MqttError("hung up"))
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
