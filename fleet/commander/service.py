"""The hub's commander: keeps every command until its end, and delivers to sleepers.

An agent that is away gets nothing: its commands wait here, in order of priority, and not in the
broker's queue, where they could neither be reordered nor withdrawn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.errors import BrokerError
from fleet.contract.messages import Status
from fleet.contract.rejection import Rejected
from fleet.contract.stamps import timestamp, ulid
from fleet.contract.words import MessageKind, Priority, Result, Verb
from fleet.domain.commands import Book, Order, Step
from fleet.domain.facts import Fact
from fleet.domain.verdict import Verdict
from fleet.feed import Item
from fleet.store.port import Stored, Told

if TYPE_CHECKING:
    from fleet.hub import Hub

AWAY: Final = frozenset({Verdict.OFFLINE, Verdict.STALE})
"""Verdicts with which a command waits; anybody else is sent to at once."""

KEPT: Final = 7 * 86_400.0
"""Seconds a command that has ended stays in the inbox: a week, as the design promises."""

LISTED: Final = 500
"""Commands an inbox shows at most."""

MAX_OPEN: Final = 100_000
"""Open commands in all: ten for each of 10,000 agents; beyond it new ones are refused."""

TICK: Final = 0.5
"""Seconds between looks at time; a command's life is counted in seconds."""

OnChange = Callable[[Order], None]


class TooManyOpenError(Exception):
    """More commands are open than the hub keeps."""


class Commander:
    """A service of the hub; `send`, `read` and `ack` are called by the gateway."""

    name = "commander"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._book = Book()
        self._loaded = asyncio.Event()
        self._observers: list[OnChange] = []
        self.outcomes: dict[tuple[str, str], int] = {}
        """Commands by (verb, state) that have ended since the start."""
        self.latencies: list[float] = []
        """Seconds from sending to reply, since they were last taken; see `take_latencies`."""

    def observe(self, observer: OnChange) -> None:
        """Call `observer` with each order that changes."""
        self._observers.append(observer)

    async def run(self) -> None:
        subscription = self._hub.feed.subscribe()
        try:
            await self._load()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick(), name="commander-tick")
                async for item in subscription:
                    await self._take(item)
        finally:
            subscription.close()

    async def send(
        self,
        verb: Verb,
        agents: Iterable[str],
        *,
        priority: Priority,
        ttl: int,
        by: str,
        reply_to: str | None = None,
    ) -> list[str]:
        """Queue `verb` for each agent and send it to those that are here; the ids, in order.

        Raises:
            TooManyOpenError: the hub keeps no more open commands.
        """
        await self._loaded.wait()
        now = self._hub.ledger.now()
        orders = [
            Order(ulid(now), agent, verb, priority, ttl, now, by, reply_to) for agent in agents
        ]
        if len(self._book) + len(orders) > MAX_OPEN:
            raise TooManyOpenError
        await self._keep(orders)
        for order in orders:
            if self._is_here(order.agent):
                await self._dispatch(order)
        return [order.id for order in orders]

    async def inbox(self, agent: str | None, *, unread: bool, reading: bool) -> list[Order]:
        """Commands for `agent` (None: all), oldest first; `reading` marks them as read."""
        await self._loaded.wait()
        now = self._hub.ledger.now()
        waiting = [order for order in self._book.inbox(agent) if order.deadline > now]
        if reading:
            read = [order.step(Step.READ, now) for order in waiting]
            await self._keep([new for new, old in zip(read, waiting, strict=True) if new != old])
            waiting = [old if unread else new for new, old in zip(read, waiting, strict=True)]
        if unread:
            return [order for order in waiting if order.open]
        ended = await self._hub.store.orders(agent=agent, since=now - KEPT, limit=LISTED)
        known = {order.id: order for order in ended} | {order.id: order for order in waiting}
        return sorted(known.values(), key=lambda order: (order.created, order.id))[-LISTED:]

    async def ack(self, agent: str | None, order_id: str, result: Result) -> bool:
        """Record a result that came by HTTP; False if `agent` (None: anybody) has no such order."""
        await self._loaded.wait()
        order = self._book.get(order_id)
        if order is None or agent not in (None, order.agent):
            return False
        await self._keep([order.replied(result, None, None, self._hub.ledger.now())])
        return True

    async def cancel(self, agent: str) -> int:
        """End every open order of an agent that is revoked; how many there were."""
        await self._loaded.wait()
        orders = self._book.of_agent(agent)
        now = self._hub.ledger.now()
        await self._keep([order.replied(Result.REJECTED, None, None, now) for order in orders])
        return len(orders)

    def take_latencies(self) -> list[float]:
        """Latencies since the last call; the exporter puts them into its histogram."""
        taken, self.latencies = self.latencies, []
        return taken

    def __len__(self) -> int:
        return len(self._book)

    async def _load(self) -> None:
        now = self._hub.ledger.now()
        stored = await self._hub.store.orders(agent=None, since=now - KEPT, limit=MAX_OPEN)
        self._book = Book(stored)
        self._loaded.set()

    async def _take(self, item: Item) -> None:
        if isinstance(item, Stored) and item.kind is MessageKind.STATUS and not item.retained:
            if b'"reply"' in item.payload:
                await self._replied(item)
        elif isinstance(item, Told) and item.event.fact in (Fact.BIRTH, Fact.VERDICT):
            agent = item.event.agent
            if self._is_here(agent):
                for order in self._book.waiting(agent, self._hub.ledger.now()):
                    await self._dispatch(order)

    async def _replied(self, item: Stored) -> None:
        try:
            message = self._hub.reader.read(MessageKind.STATUS, item.payload)
        except Rejected:
            return
        reply = message.reply if isinstance(message, Status) else None
        order = self._book.get(reply.to) if reply and reply.to else None
        # The id alone proves nothing: only the agent that was asked may answer.
        if reply is None or order is None or order.agent != item.agent:
            return
        if order.sent is not None:
            self.latencies.append(max(0.0, item.at - order.sent))
        await self._keep([order.replied(reply.result, reply.code, reply.took, item.at)])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self._hub.ledger.now()
            over = self._book.over(now)
            if over:
                await self._keep(over)
            for order in self._book:
                if order.sent is None and self._is_here(order.agent):
                    await self._dispatch(order)
                    break  # one a tick: this is only for what a lost link left behind

    async def _dispatch(self, order: Order) -> None:
        """Publish an order; if the link is down it stays queued."""
        topic = self._hub.topics.of(MessageKind.COMMAND, order.agent)
        message: dict[str, Any] = {
            "verb": order.verb.value,
            "id": order.id,
            "ts": timestamp(order.created),
            "ttl": order.ttl,
            "priority": order.priority.value,
        }
        payload = self._hub.signed(topic, message)
        with suppress(BrokerError):
            sent = order.step(Step.SEND, self._hub.ledger.now())
            await self._keep([sent])  # before the publish: its reply may come at once
            try:
                await self._hub.bus.publish(topic, payload)
            except BrokerError:
                await self._keep([order])
                raise

    async def _keep(self, orders: list[Order]) -> None:
        if not orders:
            return
        await self._hub.store.save_orders(orders)
        for order in orders:
            known = self._book.get(order.id)
            self._book.put(order)
            if known is not None and known.open and not order.open:
                key = (order.verb.value, order.state.value)
                self.outcomes[key] = self.outcomes.get(key, 0) + 1
            for observer in self._observers:
                observer(order)

    def _is_here(self, agent: str) -> bool:
        return self._hub.roster.view(agent, time.time()).state not in AWAY
