"""A bus inside one process: no sockets, the same promises.

Shipped for tests, simulations and embedding. It is held to the contract tests of the MQTT
adapter: retained state, wills, wildcards, QoS 1 with redelivery, persistent sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from paho.mqtt.client import topic_matches_sub

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.connection import FIRST_RETRY, LAST_RETRY
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.port import Inbound, Will
from fleet.contract.backoff import Backoff
from fleet.contract.errors import BrokerError


@dataclass(slots=True)
class _Session:
    """What the broker knows of one client id."""

    persistent: bool
    filters: dict[str, int] = field(default_factory=dict)
    as_published: set[str] = field(default_factory=set)
    unacknowledged: dict[int, Inbound] = field(default_factory=dict)
    queued: deque[Inbound] = field(default_factory=deque)
    bus: InProcessBus | None = None
    last_mid: int = 0

    def wants(self, topic: str) -> int | None:
        """The best QoS of the filters that match `topic`; None where none does."""
        return max(
            (q for f, q in self.filters.items() if topic_matches_sub(f, topic)), default=None
        )

    def wants_as_published(self, topic: str) -> bool:
        return any(topic_matches_sub(name, topic) for name in self.as_published)

    def deliver(self, message: Inbound, manual_ack: bool) -> Inbound:
        if not message.qos:
            return message
        self.last_mid += 1
        message = message._replace(mid=self.last_mid)
        if manual_ack:
            self.unacknowledged[message.mid] = message
        return message


class InProcessBroker:
    """Sessions and retained state; `connect` makes the buses that share them."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, Inbound] = {}

    def connect(self, options: ConnectOptions) -> InProcessBus:
        """A bus on this broker; the connection's address and credential do not matter here."""
        return InProcessBus(self, options)

    def cut(self, client_id: str) -> None:
        """Break a client's link without a goodbye, as a dead network does."""
        session = self._sessions.get(client_id)
        if session and session.bus:
            bus, session.bus = session.bus, None
            self._forget_unless_persistent(client_id)
            bus.lost()
            if bus.will:
                self.route(_from_will(bus.will))

    def open(self, client_id: str, persistent: bool, bus: InProcessBus) -> None:
        """A client connects; an older connection of the same id is pushed out."""
        self.cut(client_id)
        if not persistent:
            self._sessions.pop(client_id, None)
        session = self._sessions.setdefault(client_id, _Session(persistent))
        session.persistent, session.bus = persistent, bus
        waiting = [*session.unacknowledged.values(), *session.queued]
        session.unacknowledged.clear()
        session.queued.clear()
        for message in waiting:
            bus.arrive(session.deliver(message, bus.manual_ack))

    def leave(self, client_id: str) -> None:
        """A clean goodbye: no will."""
        if client_id in self._sessions:
            self._sessions[client_id].bus = None
            self._forget_unless_persistent(client_id)

    def subscribe(
        self, client_id: str, filters: dict[str, int], as_published: Sequence[str]
    ) -> None:
        session = self._sessions[client_id]
        session.filters |= filters
        session.as_published.update(as_published)
        for name, qos in filters.items():
            for message in list(self._retained.values()):
                if session.bus and topic_matches_sub(name, message.topic):
                    stored = message._replace(qos=min(qos, message.qos), retain=True)
                    session.bus.arrive(session.deliver(stored, session.bus.manual_ack))

    def acknowledge(self, client_id: str, messages: list[Inbound]) -> None:
        if session := self._sessions.get(client_id):
            for message in messages:
                session.unacknowledged.pop(message.mid, None)

    def route(self, message: Inbound) -> None:
        """Store it where it is to be retained, and bring it to everyone who wants it."""
        if message.retain:
            if message.payload:
                self._retained[message.topic] = message
            else:
                self._retained.pop(message.topic, None)
        for session in list(self._sessions.values()):
            qos = session.wants(message.topic)
            if qos is None:
                continue
            retain = message.retain and session.wants_as_published(message.topic)
            live = message._replace(qos=min(qos, message.qos), retain=retain)
            if session.bus:
                session.bus.arrive(session.deliver(live, session.bus.manual_ack))
            elif live.qos:
                session.queued.append(live)

    def _forget_unless_persistent(self, client_id: str) -> None:
        if not self._sessions[client_id].persistent:
            del self._sessions[client_id]


class InProcessBus:
    """A `Bus` on a `InProcessBroker`; see `fleet.bus.port.Bus`."""

    lacks = ()
    unasked = 0
    """Its broker is ours: it can do all, and sends what was asked for."""

    contested = replaced = False
    """Whoever makes the broker knows who is on it."""

    def __init__(self, broker: InProcessBroker, options: ConnectOptions) -> None:
        self.broker = options.url
        self._broker = broker
        self._options = options
        self._filters: dict[str, int] = {}
        self._as_published: tuple[str, ...] = ()
        self._inbound = InboundQueue()
        self._up = False
        self._return: asyncio.Task[None] | None = None
        self._backoff = Backoff(FIRST_RETRY, LAST_RETRY)

    @property
    def overflowed(self) -> int:
        return self._inbound.overflowed

    @property
    def manual_ack(self) -> bool:
        return self._options.manual_ack

    @property
    def will(self) -> Will | None:
        return self._options.will

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._return:
            self._return.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._return
        if self._up:
            self._up = False
            self._broker.leave(self._options.client_id)
        self._inbound.close()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        self._require_link()
        if not topic or "+" in topic or "#" in topic:
            raise BrokerError(f"a publish to {topic} failed", "not a topic", "leave out + and #")
        self._broker.route(Inbound(topic, payload, qos, retain))
        await asyncio.sleep(0)

    async def subscribe(
        self, *filters: str, qos: int = 1, as_published: Sequence[str] = ()
    ) -> None:
        self._require_link()
        wanted = dict.fromkeys(filters, qos)
        self._as_published = (*self._as_published, *as_published)
        self._filters |= wanted
        self._broker.subscribe(self._options.client_id, wanted, as_published)

    def messages(self) -> AsyncIterator[Inbound]:
        return self._inbound.messages()

    def batches(self) -> AsyncIterator[list[Inbound]]:
        return self._inbound.batches()

    async def ack(self, message: Inbound) -> None:
        await self.ack_many([message])

    async def ack_many(self, messages: list[Inbound]) -> None:
        if self._up and self.manual_ack:
            self._broker.acknowledge(self._options.client_id, messages)

    def arrive(self, message: Inbound) -> None:
        """The broker delivers."""
        self._inbound.append(message)

    def lost(self) -> None:
        """The broker broke the link."""
        self._up = False
        self._options.on_link(False, "the broker hung up")
        self._return = asyncio.get_running_loop().create_task(self._come_back(), name="bus-link")

    async def _come_back(self) -> None:
        await asyncio.sleep(self._backoff.failed(time.monotonic()))
        self._open()
        self._broker.subscribe(self._options.client_id, self._filters, self._as_published)

    def _open(self) -> None:
        self._broker.open(self._options.client_id, self._options.persistent, self)
        self._up = True
        self._backoff.good(time.monotonic())
        self._options.on_link(True, "in process")

    def _require_link(self) -> None:
        if not self._up:
            raise BrokerError("the link to the bus is down", "", "it reconnects by itself")


def _from_will(will: Will) -> Inbound:
    return Inbound(will.topic, will.payload, will.qos, will.retain)
