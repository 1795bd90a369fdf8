"""One MQTT 5 connection on the compiled codec of package `mqtt5`, for intake.

paho reads a byte at a time and aiomqtt adds a queue; measured, they take in a half and a third
of what Mosquitto gives. Here a whole read is decoded at once and handed over as one list.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import mqtt5
from aiomqtt import MqttCodeError, MqttError

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import (
    FAILURE,
    HUNG_UP,
    SILENT,
    TIMEOUT,
    TOO_LARGE,
)
from fleet.bus.error_messages import disconnected
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.mqtt5_answers import Answers
from fleet.bus.mqtt5_connect import connect_packet
from fleet.bus.packet_length import goes_on
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters, pattern
from fleet.contract.broker_capabilities import Capabilities, packet_size
from fleet.contract.publish_properties import of_packet

_AT_LEAST_ONCE: Final = mqtt5.QoS.AT_LEAST_ONCE
_PUBACK: Final = b"\x40\x02"
"""Header of an acknowledgement that says success; the packet id follows."""

ORDINARY, AS_PUBLISHED = 1, 2
"""Subscription identifiers."""
_ORDINARY_ONLY: Final = [ORDINARY]

_BARE: Final = 5
"""Bytes of a short PUBLISH beside topic and payload: its type, and three lengths."""

_ID: Final = 2
"""Bytes of a packet id, and of a subscription identifier with its name."""

_ONE_BYTE_LENGTH: Final = 129
"""Bytes of a packet up to which its length takes one byte."""


class Mqtt5Connection(asyncio.Protocol):
    """See `fleet.bus.connection.Connection`. Arrivals carry `tag` + packet id as their mid."""

    def __init__(
        self, options: ConnectOptions, inbound: InboundQueue, filters: TopicFilters, tag: int
    ) -> None:
        self._options = options
        self._inbound = inbound
        self._filters = filters
        self._tag = tag
        self._manual_ack = options.manual_ack
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._unsent: list[bytes] = []
        self._greeting: asyncio.Future[mqtt5.ConnAckPacket] | None = None
        self._answers = Answers()
        self._room = asyncio.Semaphore(1)
        self.capabilities = Capabilities()
        self._as_published: Callable[[str], object] | None = None
        """Whether a filter that asks for it so matches a topic, and brings what `#` brings too."""
        self._heard = True
        self._pulse: asyncio.TimerHandle | None = None
        self.lost = asyncio.Event()
        self.why = ""

    # Connection

    async def __aenter__(self) -> Mqtt5Connection:
        loop = asyncio.get_running_loop()
        self._greeting = loop.create_future()
        url = self._options.url
        try:
            async with asyncio.timeout(TIMEOUT):
                await loop.create_connection(
                    lambda: self, url.host, url.port, ssl=self._options.tls_context()
                )
        except TimeoutError:
            raise MqttError("no answer to a TCP connection") from None
        except OSError as error:
            raise MqttError(_reason(error)) from None
        with contextlib.suppress(MqttError):  # if it hung up already, the greeting says so
            self._write(connect_packet(self._options))
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._greeting
        except TimeoutError:
            raise MqttError(SILENT) from None
        if int(answer.reason_code) >= FAILURE:  # its codes do not compare
            self.abort()
            raise MqttCodeError(int(answer.reason_code), "refused")
        self.capabilities = Capabilities.of_packet(answer)
        self._room = asyncio.Semaphore(answer.receive_max or 1)  # 0 is no number it may say
        keepalive = answer.server_keep_alive or self._options.keepalive
        self._pulse = loop.call_later(keepalive / 2, self._beat, keepalive / 2)
        return self

    async def __aexit__(self, kind: None, error: None, trace: None, /) -> None:
        await self._say_goodbye(mqtt5.DisconnectPacket())

    async def leave(self) -> None:
        await self._say_goodbye(mqtt5.DisconnectPacket(session_expiry_interval=0))

    async def _say_goodbye(self, packet: mqtt5.DisconnectPacket) -> None:
        if self._transport and not self.lost.is_set():
            self._write(packet)
            self._flush()
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT):
                    await self.lost.wait()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    async def send_publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if not topic or "+" in topic or "#" in topic:
            raise ValueError("not a topic")
        if not self.capabilities.takes(packet_size(topic, payload)):
            raise MqttCodeError(TOO_LARGE, "refused")  # it would hang up
        retain = retain and self.capabilities.retained  # here too
        if not qos:
            self._write(mqtt5.PublishPacket(topic, payload, retain=retain))
            return
        await self._room.acquire()
        publish = partial(mqtt5.PublishPacket, topic, payload, qos=_AT_LEAST_ONCE, retain=retain)
        made = self._ask(lambda id_: publish(packet_id=id_), mqtt5.PubAckPacket, self._room.release)
        answer: mqtt5.PubAckPacket = await made
        if int(answer.reason_code) >= FAILURE:
            raise MqttCodeError(int(answer.reason_code), "refused")

    async def send_subscribe(
        self, filters: dict[str, int], as_published: Sequence[str]
    ) -> list[int]:
        marked = dict.fromkeys(as_published, 1) if self.capabilities.identifiers else {}
        if marked:
            self._as_published = pattern(as_published).fullmatch
            await self._grant(marked, AS_PUBLISHED)
        return await self._grant(filters, ORDINARY if self._as_published else None)

    async def _grant(self, filters: dict[str, int], identifier: int | None) -> list[int]:
        """The identifier tells, of two copies that two filters bring, which of them it is."""
        retained = identifier == AS_PUBLISHED
        wanted = [
            mqtt5.TopicFilter(name, max_qos=mqtt5.QoS(qos), retain_as_published=retained)
            for name, qos in filters.items()
        ]

        def packet(id_: int) -> mqtt5.SubscribePacket:
            return mqtt5.SubscribePacket(id_, wanted, subscription_id=identifier)

        answer: mqtt5.SubAckPacket = await self._ask(packet, mqtt5.SubAckPacket)
        return [int(code) for code in answer.reason_codes]

    def acknowledge(self, mids: list[int]) -> None:
        if self._transport and not self.lost.is_set():
            self._transport.write(b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids]))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        data = self._unread + data if self._unread else data
        view, end, at = memoryview(data), len(data), 0
        found: list[Inbound] = []
        read, tag, as_published = mqtt5.read, self._tag, self._as_published
        everything, match = self._filters.everything, self._filters.match
        bare = _BARE + _ID * bool(as_published)
        try:
            while at < end:
                packet, size = read(view[at:])
                at += size
                if type(packet) is mqtt5.PublishPacket:
                    mid, topic = packet.packet_id, packet.topic
                    if (
                        as_published
                        and packet.subscription_ids == _ORDINARY_ONLY
                        and as_published(topic)
                    ) or not ((everything and topic[:1] != "$") or match(topic)):
                        if mid:
                            self.acknowledge([mid])
                        continue
                    payload = packet.payload
                    inbound = (
                        Inbound(topic, payload, 1, packet.retain, tag + mid)
                        if mid
                        else Inbound(topic, payload, 0, packet.retain)
                    )
                    # To ask for each property takes three times as long as to see that no room is
                    # left for one.
                    beside = size - len(topic) - len(payload) - (size > _ONE_BYTE_LENGTH)
                    if beside != (bare + _ID if mid else bare):
                        inbound = inbound._replace(properties=of_packet(packet))
                    found.append(inbound)
                else:
                    self._take(packet)
        except IndexError:
            if not goes_on(view[at:]):
                self._give_up()
        except ValueError:
            self._give_up()
        except BaseException as error:
            # Text that is no UTF-8 makes the codec panic, which is no `Exception`.
            if type(error).__name__ != "PanicException":
                raise
            self._give_up()
        self._unread = data[at:]
        if found:
            self._take_in(found)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()
        if self._pulse:
            self._pulse.cancel()
        if self._greeting and not self._greeting.done():
            said = str(error) if isinstance(error, ssl.SSLError) else HUNG_UP
            self._greeting.set_exception(MqttError(said))
        self._answers.close()

    def _take_in(self, found: list[Inbound]) -> None:
        """Hand over what arrived."""
        self._inbound.extend(found)
        if not self._manual_ack:
            self.acknowledge([message.mid - self._tag for message in found if message.qos])

    def _give_up(self) -> None:
        self.why = self.why or "what the broker sends is not MQTT 5"
        self.abort()

    def _take(self, packet: mqtt5.Packet) -> None:
        """Whatever is not a delivery."""
        match packet:
            case mqtt5.PubAckPacket() | mqtt5.SubAckPacket():
                self._answers.take(packet)
            case mqtt5.ConnAckPacket():
                if self._greeting and not self._greeting.done():
                    self._greeting.set_result(packet)
            case mqtt5.DisconnectPacket():
                self.why = disconnected(int(packet.reason_code))
                self.abort()
            case _:
                pass  # PINGRESP: that something came is all that matters

    def _beat(self, pause: float) -> None:
        """Ping; a broker that said nothing since the last one is gone."""
        if self.lost.is_set():
            return
        if not self._heard:
            self.abort()
            return
        self._heard = False
        self._write(mqtt5.PingReqPacket())
        loop = asyncio.get_running_loop()
        self._pulse = loop.call_later(pause, self._beat, pause)

    async def _ask(
        self,
        packet: Callable[[int], Any],
        kind: type[mqtt5.Packet],
        over: Callable[[], None] = lambda: None,
    ) -> Any:
        """Send what `packet` makes of a free packet id, and wait for its answer, of `kind`; `over`
        follows it, also where the asker is cancelled."""
        id_, answer = self._answers.expect(kind, over)
        try:
            self._write(packet(id_))
        except (MqttError, ValueError):
            self._answers.drop(id_)
            raise
        return await answer

    def _write(self, packet: Any) -> None:
        if self.lost.is_set() or self._transport is None:
            raise MqttError("the link is down")
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(packet.write())

    def _flush(self) -> None:
        """What was written in one turn of the loop goes out in one piece: a call into the kernel
        for each of 10,000 receipts costs more than making them."""
        unsent, self._unsent = self._unsent, []
        if unsent and self._transport and not self.lost.is_set():
            self._transport.write(b"".join(unsent))


def _reason(error: OSError) -> str:
    """The reason without asyncio's own words about it."""
    if error.errno and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
