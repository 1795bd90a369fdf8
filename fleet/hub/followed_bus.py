"""The bus of a hub that reads: it has none, and tells where the hub that leads is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

from fleet.bus.port import Inbound
from fleet.contract.broker_capabilities import Lack
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, ConfigError


class FollowedBus:
    """Implements `fleet.bus.port.Bus`, and connects to nobody."""

    def __init__(self, broker: BrokerUrl) -> None:
        self.broker = broker
        self.lacks: Sequence[Lack] = ()
        self.unasked = self.overflowed = 0
        self.contested = self.replaced = False

    def follow(self, text: dict[str, Any]) -> None:
        """Tell of it what the hub that leads says.

        Raises:
            ValueError: this release does not know such a broker.
        """
        try:
            self.broker = BrokerUrl.parse(text["broker"])
        except ConfigError as error:
            raise ValueError(error.what) from None
        self.unasked, self.overflowed = text["unasked"], text["overflowed"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        raise BrokerError("this hub reads beside the one that leads", "", "ask that one")

    async def subscribe(
        self, *filters: str, qos: int = 1, as_published: Sequence[str] = ()
    ) -> None:
        raise BrokerError("this hub reads beside the one that leads", "", "ask that one")

    async def messages(self) -> AsyncIterator[Inbound]:
        return
        yield

    async def ack(self, message: Inbound) -> None:
        pass

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        return
        yield

    async def ack_many(self, messages: list[Inbound]) -> None:
        pass
