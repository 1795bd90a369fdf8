"""One plain connection for those who test a broker: one version, no reconnect, nothing hidden.

The adapter in `mqtt` mends what goes wrong; a prover wants to see it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from enum import StrEnum
from types import TracebackType
from typing import Self

import aiomqtt
from paho.mqtt.enums import MQTTProtocolVersion

from fleet.bus import error_messages
from fleet.bus.aiomqtt_connection import AiomqttConnection, number
from fleet.bus.connect_options import ConnectOptions, asked
from fleet.bus.connection import FAILURE, HUNG_UP, SILENT, TIMEOUT
from fleet.bus.own_broker import prove
from fleet.bus.port import Inbound
from fleet.bus.tls_probe import tls_fault
from fleet.contract.broker_capabilities import Lack
from fleet.contract.errors import BrokerError


class Version(StrEnum):
    """The versions of MQTT."""

    V311 = "3.1.1"
    V5 = "5"


class RawClient:
    """A connection that ends when it ends.

    Attributes:
        received: everything that came, in order.
    """

    def __init__(self, options: ConnectOptions, version: Version) -> None:
        self._options = options
        self._version = version
        self._client: AiomqttConnection | None = None
        self._inbound: asyncio.Queue[Inbound] = asyncio.Queue()
        self._seen: list[Inbound] = []

    async def __aenter__(self) -> Self:
        five = self._version is Version.V5
        version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        client = AiomqttConnection(self._options, version, self._inbound.put_nowait, None, 0)
        url = self._options.url
        await prove(self._options.must_prove, self._options.url)
        try:
            self._client = await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            raise error_messages.refused(url, number(error.rc)) from None
        except aiomqtt.MqttError as error:
            if str(error) in (HUNG_UP, SILENT):
                fault = await asyncio.to_thread(tls_fault, self._options)
                raise error_messages.not_mqtt(url, fault) from None
            raise error_messages.unreachable(url, error) from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)

    @property
    def lacks(self) -> Iterator[Lack]:
        """What the broker says it cannot do of what these options ask for."""
        return self._connected().capabilities.lacks(**asked(self._options))

    @property
    def received(self) -> list[Inbound]:
        while not self._inbound.empty():
            self._seen.append(self._inbound.get_nowait())
        return self._seen

    @property
    def alive(self) -> bool:
        """Whether the broker still holds the connection."""
        return self._client is not None and not self._client.lost.is_set()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool:
        """Publish, and whether the broker says that it was taken: in 3.1.1 it always says so."""
        try:
            await self._connected().send_publish(topic, payload, qos, retain)
        except aiomqtt.MqttError:
            return False
        return True

    async def subscribe(self, pattern: str) -> bool:
        """Subscribe at QoS 1, and whether the broker says that it was granted."""
        return await self.granted(pattern) is not None

    async def granted(self, pattern: str) -> int | None:
        """Subscribe at QoS 1; the QoS that the broker grants, None if it refuses."""
        try:
            (code,) = await self._connected().subscribe(pattern, qos=1)
        except aiomqtt.MqttError:
            return None
        return number(code) if number(code) < FAILURE else None

    async def unsubscribe(self, pattern: str) -> None:
        with contextlib.suppress(aiomqtt.MqttError):
            await self._connected().unsubscribe(pattern)

    async def wait_for(self, payload: bytes, seconds: float = TIMEOUT) -> bool:
        """Wait until a message with `payload` has come; False when it did not in time."""
        try:
            async with asyncio.timeout(seconds):
                while all(message.payload != payload for message in self.received):
                    self._seen.append(await self._inbound.get())
        except TimeoutError:
            return False
        return True

    async def ended(self, seconds: float = TIMEOUT) -> bool:
        """Wait until the broker has ended the connection; False when it did not in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._connected().lost.wait()
        except TimeoutError:
            return False
        return True

    def _connected(self) -> AiomqttConnection:
        if self._client is None:
            raise BrokerError("this client is not connected", "", "enter it first")
        return self._client
