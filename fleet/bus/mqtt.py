"""The MQTT adapter: MQTT 5 where the broker speaks it, else 3.1.1; it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import aiomqtt
from paho.mqtt.enums import MQTTProtocolVersion

from fleet.bus import error_messages
from fleet.bus.aiomqtt_connection import number
from fleet.bus.attempts import Attempts, LinkFactory, subscribe
from fleet.bus.connect_options import ConnectOptions, connect_options
from fleet.bus.connection import FIRST_RETRY, GOODBYE, LAST_RETRY, Connection
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.links import fast, plain
from fleet.bus.look import is_well, listens
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters
from fleet.contract.backoff import STEADY, Backoff
from fleet.contract.broker_capabilities import Lack
from fleet.contract.broker_choice import BrokerChoice
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from fleet.contract.takeovers import FIRST_RETURN, LAST_RETURN, Takeovers

if TYPE_CHECKING:
    from fleet.settings import Settings


PATIENCE: Final = 5
"""Signs until we give way: a hub that does so wrongly is deaf for a while, and a cluster of brokers
behind one address takes clients and drops them without a word while it elects a leader, for 4 to
9 s."""


PATIENCE_OF_SEVERAL: Final = 4.0
"""Seconds that one of several brokers may take for the first link: a person may be waiting."""


TIDY: Final = 3600.0
"""Seconds between two tries to end our session at a broker that did not answer."""


class MqttBus:
    """A `Bus` over MQTT that reconnects by itself; see `fleet.bus.port.Bus`. Of several brokers
    `BrokerChoice` says whose turn it is.

    Args:
        connection: where to, as whom, with what session.
        open_link: makes the connections; `plain` or `fast`.
    """

    def __init__(self, options: ConnectOptions, open_link: LinkFactory = plain) -> None:
        self._choice = BrokerChoice(1 + len(options.standbys))
        self._each = options.each()
        self._left = set(range(1, len(self._each))) if options.persistent else set[int]()
        self._version = MQTTProtocolVersion.MQTTv5
        self._client: Connection | None = None
        self._lacks: tuple[Lack, ...] = ()
        self._filters: dict[str, int] = {}
        self._as_published: tuple[str, ...] = ()
        self._inbound = InboundQueue()
        self._passed_on = TopicFilters(resumed=options.persistent)
        self._attempts = Attempts(open_link, self._inbound, self._passed_on)
        self._keeper: asyncio.Task[None] | None = None
        self._takeovers = Takeovers(PATIENCE)
        self._closed = False

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`, as agreed with the broker."""
        return "5" if self._version is MQTTProtocolVersion.MQTTv5 else "3.1.1"

    @property
    def broker(self) -> BrokerUrl:
        return self._options.url

    @property
    def _options(self) -> ConnectOptions:
        """Of the broker whose turn it is."""
        return self._each[self._choice.at]

    @property
    def lacks(self) -> Sequence[Lack]:
        return self._lacks

    @property
    def contested(self) -> bool:
        return self._takeovers.likely

    @property
    def replaced(self) -> bool:
        return self._takeovers.sure

    @property
    def unasked(self) -> int:
        return self._passed_on.unasked

    @property
    def overflowed(self) -> int:
        return self._inbound.overflowed

    async def __aenter__(self) -> Self:
        await self._connect_first()
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
            try:
                async with asyncio.timeout(GOODBYE):
                    await client.__aexit__(None, None, None)
            except (aiomqtt.MqttError, TimeoutError):
                client.abort()
        self._inbound.close()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        client = self._connection()
        try:
            await client.send_publish(topic, payload, qos, retain)
        except aiomqtt.MqttCodeError as error:
            raise error_messages.publish_refused(topic, number(error.rc), self._lacks) from None
        except (aiomqtt.MqttError, ValueError) as error:
            raise BrokerError(f"a publish to {topic} failed", str(error), "try again") from None

    async def subscribe(
        self, *filters: str, qos: int = 1, as_published: Sequence[str] = ()
    ) -> None:
        if not filters:
            return
        client, wanted = self._connection(), dict.fromkeys(filters, qos)
        self._passed_on.add(filters)  # before: messages may come ahead of the grant
        await subscribe(client, self._options, wanted, as_published)
        self._filters |= wanted
        self._as_published = (*self._as_published, *as_published)

    def messages(self) -> AsyncIterator[Inbound]:
        return self._inbound.messages()

    def batches(self) -> AsyncIterator[list[Inbound]]:
        return self._inbound.batches()

    async def ack(self, message: Inbound) -> None:
        await self.ack_many([message])

    async def ack_many(self, messages: list[Inbound]) -> None:
        if self._each[0].manual_ack:
            self._attempts.acknowledge([message.mid for message in messages if message.qos])

    def _connection(self) -> Connection:
        if self._client is None:
            url = self._options.url
            raise BrokerError(f"the link to {url} is down", "", "it reconnects by itself")
        return self._client

    async def _connect_first(self) -> None:
        """The first link, at the first broker that gives one.

        Raises:
            BrokerError: none does; it says why the first does not.
        """
        refusals: list[BrokerError] = []
        for _ in self._each:
            last = len(refusals) == len(self._each) - 1
            try:
                async with asyncio.timeout(None if last else PATIENCE_OF_SEVERAL):
                    await self._connect()
            except TimeoutError as error:
                refusals.append(error_messages.unreachable(self.broker, error))
            except BrokerError as error:
                refusals.append(error)
            else:
                return
            self._go_on()
        raise error_messages.none_of(refusals)

    async def _connect(self, returned: Callable[[], None] | None = None) -> None:
        """One attempt at the broker whose turn it is; or at the first, of which `returned` is told
        once that has succeeded.

        Raises:
            BrokerError: it failed; the message says how.
        """
        options = self._each[0] if returned else self._options
        try:
            link = await self._attempts.connect(options)
        except BrokerError:  # it was away, or refused us: nobody needs to have our place
            self._takeovers.settled()
            raise
        client = link.client
        if self._filters:
            try:
                await subscribe(client, options, self._filters, self._as_published)
            except BaseException as error:
                if client.lost.is_set() and isinstance(error, BrokerError):
                    await self._note_loss(client, 0.0)
                client.abort()
                raise
        if returned:
            returned()
        self._client, self._version, self._lacks = client, link.version, link.lacks
        self._choice.up(time.monotonic())
        self._options.on_link(True, f"MQTT {self.protocol}")

    async def _keep(self) -> None:
        """Wait for the loss of the link, and bring it back: gently where it did not last, and
        seldom where somebody else has our place, or the two would push each other out for ever."""
        ordinary = Backoff(FIRST_RETRY, LAST_RETRY / len(self._each))
        replaced = Backoff(FIRST_RETURN, LAST_RETURN)
        # Until Python 3.12, `asyncio.wait_for` (in aiomqtt) may swallow a cancellation.
        while not self._closed:
            if self._client is not None:
                began = time.monotonic()
                ordinary.good(began)
                replaced.good(began)
                client, began = await self._end_of(self._client, began)
                self._client = None
                lived = time.monotonic() - began
                self._options.on_link(False, await self._note_loss(client, lived))
            used, unused = (replaced, ordinary) if self.replaced else (ordinary, replaced)
            unused.ended(time.monotonic())
            await asyncio.sleep(used.failed(time.monotonic()))
            await self._options.turn()
            # To ask takes no place, so it need not wait until it is sure.
            if self.contested and (is_taken := self._options.is_taken) and await is_taken():
                continue
            try:
                await self._connect()
            except BrokerError as error:
                self._options.on_link(False, error_messages.in_a_line(error))
                self._go_on()

    def _go_on(self) -> None:
        """To the next broker. This one may keep a session of ours, whatever its last link ended by:
        a kill can look like a takeover, and it may be away since before we began."""
        if self._options.persistent:
            self._left.add(self._choice.at)
        self._choice.failed(time.monotonic())

    async def _note_loss(self, client: Connection, lived: float) -> str:
        """Enter that a connection ended after `lived` s; why, in words. Where another took our
        place we stay: at two brokers both of us would be at work."""
        taken_over = client.why == error_messages.TAKEN_OVER
        silent = not client.why and await listens(self._options)
        self._takeovers.lost(lived, said=taken_over, silent=silent)
        if taken_over or self.contested:
            why = error_messages.client_id_taken(self._options)
        else:
            why = client.why or "the broker hung up"
        if not (taken_over or silent):
            self._go_on()
        return why

    async def _end_of(self, client: Connection, began: float) -> tuple[Connection, float]:
        """Wait until the link is lost, or the one that took its place when the first broker was
        well again; which one, and when it began. One that has lasted is ours alone."""
        settled, tidy_at = False, began + STEADY
        while not client.lost.is_set():
            due = min(self._choice.look_due(), tidy_at)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await client.lost.wait()
            if client.lost.is_set():
                break
            now = time.monotonic()
            if not settled and now >= began + STEADY:
                settled = True
                self._takeovers.settled()
            if now >= tidy_at:
                await self._end_sessions()
                tidy_at = now + TIDY if self._left else float("inf")
            if now >= self._choice.look_due() and await self._looks_well():
                new = await self._go_back(client)
                if new is not None:
                    client, began, settled = new, time.monotonic(), False
                    tidy_at = began + STEADY
        return client, began

    async def _end_sessions(self) -> None:
        """End what brokers keep for us where we are not, as far as they answer: whatever the bridge
        brings there would queue for us until it is full, and come again on the next visit."""
        for at in self._left - {self._choice.at}:
            await self._end_session(at)

    async def _end_session(self, at: int) -> None:
        with contextlib.suppress(BrokerError, TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(PATIENCE_OF_SEVERAL):
                made = await self._attempts.connect(replace(self._each[at], persistent=False))
            await made.client.leave()
            self._left.discard(at)

    async def _looks_well(self) -> bool:
        """Look at the first broker; whether it is time to go back to it."""
        well = await is_well(self._each[0])
        return self._choice.looked(time.monotonic(), well=well)

    async def _go_back(self, client: Connection) -> Connection | None:
        """Link to the first broker, and only then leave this one, which keeps nothing for us from
        then on. None, and nothing is changed, where the first does not let us in. What it kept for
        us meanwhile came here by the bridge, and must not come again."""
        here = self._choice.at
        if 0 in self._left:
            await self._end_session(0)
        try:
            await self._connect(self._choice.returned)
        except BrokerError:
            self._choice.stay(time.monotonic())
            return None
        self._left.discard(here)
        with contextlib.suppress(aiomqtt.MqttError):
            await client.leave()
        return self._client


def ingest_bus(options: ConnectOptions) -> MqttBus:
    """The bus for a reader that must keep up with a whole fleet."""
    return MqttBus(options, fast)


def open_bus(settings: Settings, *, client_id: str | None = None) -> MqttBus:
    """A bus for a short while, as the command line opens one."""
    return ingest_bus(connect_options(settings, client_id=client_id))
