"""What the rest of the fleet may ask of a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from fleet.contract.broker_capabilities import Lack
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.publish_properties import Properties


class Inbound(NamedTuple):
    """A message as it arrived. A tuple: a frozen dataclass takes three times as long to make.

    `retain` is True when the broker replayed stored state, not when the publisher set the flag
    on a live message (MQTT clears it for established subscriptions), except where a subscription
    asked for it as published. `mid` names the delivery for `Bus.ack`; 0 at QoS 0. `properties` are
    the MQTT 5 properties that the contract has no place for, by name and size.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    mid: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


LinkObserver = Callable[[bool, str], None]
"""Called with (up, detail) on each change of the link; detail is a reason phrase, no secret."""


class Bus(Protocol):
    """One connection to a bus, used as an async context manager.

    Entering connects (raising `BrokerError` if the first attempt fails); afterwards the adapter
    reconnects by itself with jittered backoff and subscribes again.

    Only what a filter of its own matches is passed on, whatever the broker sends; the rest is
    acknowledged, dropped and counted. A persistent session may have filters of an earlier bus,
    which only the broker knows: there this begins with the first `subscribe`.
    """

    @property
    def broker(self) -> BrokerUrl:
        """Of several brokers the one where we are, or whose turn it is."""
        ...

    @property
    def lacks(self) -> Sequence[Lack]:
        """What the broker cannot do, as far as it says; the worst first."""
        ...

    @property
    def unasked(self) -> int:
        """Messages dropped because no filter of this bus matches them."""
        ...

    @property
    def contested(self) -> bool:
        """Whether somebody else seems to work under our client id, by how links end."""
        ...

    @property
    def replaced(self) -> bool:
        """Whether that is sure: we gave way, and look again only every few minutes."""
        ...

    @property
    def overflowed(self) -> int:
        """Messages at QoS 0 dropped because the reader was too slow for them."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish and wait until the broker has acknowledged (QoS 1).

        Raises:
            BrokerError: the link is down, or the broker refused (MQTT 5 tells; 3.1.1 does not).
        """
        ...

    async def subscribe(
        self, *filters: str, qos: int = 1, as_published: Sequence[str] = ()
    ) -> None:
        """Subscribe and wait for the grant; kept across reconnects.

        `as_published`: narrower filters within `filters`. For their topics `Inbound.retain` also
        tells that a live message was published retained, where connection and broker can say so
        (MQTT 5 with subscription identifiers, on an ingest bus). Each message comes once.

        Raises:
            BrokerError: the broker refused a filter.
        """
        ...

    def messages(self) -> AsyncIterator[Inbound]:
        """Messages in order of arrival, until the bus is closed."""
        ...

    async def ack(self, message: Inbound) -> None:
        """Acknowledge a QoS 1 message; until then the broker delivers it again after a break.

        With `manual_ack=False` (the default of each adapter) messages are acknowledged on arrival
        and this does nothing.
        """
        ...

    def batches(self) -> AsyncIterator[list[Inbound]]:
        """Like `messages`, as many as have arrived at a time; at least one, at most 1,000."""
        ...

    async def ack_many(self, messages: list[Inbound]) -> None:
        """Acknowledge a batch, in its order."""
        ...
