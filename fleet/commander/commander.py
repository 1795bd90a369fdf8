"""The hub's commander: keeps every command until its end, and delivers to sleepers.

An agent that is away gets nothing: its commands wait here, in order of priority, and not in the
broker's queue, where they could neither be reordered nor withdrawn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp, ulid, ulids
from fleet.contract.vocabulary import MessageKind, Priority, ReplyCode, Result, Verb
from fleet.domain.commands import Book, Order, Step
from fleet.domain.events import Fact
from fleet.domain.verdict import Verdict
from fleet.hub.feed import Item
from fleet.store.port import Stored, Told

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

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

AT_ONCE: Final = 200
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""

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
        subscription = self._hub.feed.subscribe(MAX_OPEN, _concerns_orders)
        try:
            await self._load()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick(), name="commander-tick")
                async for items in subscription.batches():
                    await self._take(items)
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
        broadcast: bool = False,
    ) -> list[Order]:
        """Queue `verb` for each agent and send it to those that are here; the orders.

        With `broadcast` one message carries it to all. Whoever is away gets it again on return,
        by the same id: where the broker has kept the first for it, a sidecar drops the second.

        Raises:
            TooManyOpenError: the hub keeps no more open commands.
        """
        await self._loaded.wait()
        now = self._hub.ledger.now()
        wire = ulid(now) if broadcast else None
        orders = [
            Order(id_, agent, verb, priority, ttl, now, by, reply_to, broadcast=wire)
            for agent, id_ in zip(agents, ulids(now), strict=False)
        ]
        if len(self._book) + len(orders) > MAX_OPEN:
            raise TooManyOpenError
        here = {agent for agent in {order.agent for order in orders} if self._is_here(agent)}
        await self._keep([order for order in orders if order.agent not in here])
        await self._dispatch([o for o in orders if o.agent in here], to_all=broadcast)
        return orders

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

    async def _take(self, items: list[Item]) -> None:
        """What became known at once is kept at once: a fleet that answers costs few commits."""
        ended: dict[str, Order] = {}
        back: dict[str, None] = {}
        for item in items:
            if isinstance(item, Stored):
                order = self._replied(item)
                if order is not None:
                    ended[order.id] = order
            elif isinstance(item, Told):
                back[item.event.agent] = None
        await self._keep(list(ended.values()))
        now = self._hub.ledger.now()
        here = [agent for agent in back if self._is_here(agent)]
        await self._dispatch([o for agent in here for o in self._book.waiting(agent, now)])

    def _replied(self, item: Stored) -> Order | None:
        """The order that the reply in `item` ends; None where it ends none of ours."""
        reply = json.loads(item.payload).get("reply") or {}  # judged when it was stored
        order = self._book.asked(item.agent, reply.get("to"))
        if order is None:
            return None
        if order.sent is not None:
            self.latencies.append(max(0.0, item.at - order.sent))
        code = ReplyCode(reply["code"]) if reply.get("code") else None
        return order.replied(Result(reply["result"]), code, reply.get("took"), item.at)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self._hub.ledger.now()
            over = self._book.over(now)
            if over:
                await self._keep(over)
            if self._hub.counters.link_up:  # this is only for what a lost link left behind
                left = (o for o in self._book if o.sent is None and self._is_here(o.agent))
                await self._dispatch(list(islice(left, AT_ONCE)))

    async def _dispatch(self, orders: list[Order], *, to_all: bool = False) -> None:
        """Publish orders, `to_all` as the one message they share; if the link is down they stay
        queued."""
        if not orders:
            return
        now = self._hub.ledger.now()
        await self._keep([order.step(Step.SEND, now) for order in orders])  # before the publish:
        # its reply may come at once.
        if to_all:
            sent = await self._publish(self._hub.topics.broadcast, orders[0])
            await self._keep([] if sent else orders)
            return
        command = MessageKind.COMMAND
        for start in range(0, len(orders), AT_ONCE):
            some = orders[start : start + AT_ONCE]
            topics = [self._hub.topics.of(command, order.agent) for order in some]
            sent_each = await asyncio.gather(*map(self._publish, topics, some))
            await self._keep([o for o, sent in zip(some, sent_each, strict=True) if not sent])

    async def _publish(self, topic: str, order: Order) -> bool:
        """Put `order` on the bus; False if it did not get there."""
        message: dict[str, Any] = {
            "verb": order.verb.value,
            "id": order.wire,
            "ts": timestamp(order.created),
            "ttl": order.ttl,
            "priority": order.priority.value,
        }
        try:
            await self._hub.bus.publish(topic, self._hub.signed(topic, message))
        except BrokerError:
            return False
        return True

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
        return self._hub.roster.verdict(agent) not in AWAY


def _concerns_orders(item: Item) -> bool:
    """Replies, and signs that an agent may be back."""
    if isinstance(item, Stored):
        status = item.kind is MessageKind.STATUS and not item.retained
        return status and b'"reply"' in item.payload
    return isinstance(item, Told) and item.event.fact in (Fact.BIRTH, Fact.VERDICT)
