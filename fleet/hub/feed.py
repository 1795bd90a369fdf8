"""What was committed, as it happens, for the hub's own services: SSE, monitor, notifier, audit.

Each subscriber has a bounded queue. One that is too slow loses the oldest items, which is
counted, and may read them again from the store by id; it never slows the hub.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from fleet.domain.alert import AlertGroup
from fleet.hub.counters import Counters
from fleet.store.records import DeadLetter, StoredEvent, StoredMessage

Item = StoredMessage | DeadLetter | StoredEvent | AlertGroup

Wanted = Callable[[Item], bool]
"""Which items a subscriber has a use for; the others take no room in its queue."""

QUEUE = 10_000
"""Items a subscriber may lag behind: some seconds of a burst, a few MB."""


class Subscription:
    """One subscriber's items, in order, while it iterates."""

    def __init__(self, feed: Feed, limit: int, wanted: Wanted | None) -> None:
        self._feed = feed
        self._limit = limit
        self._wanted = wanted
        self._items: deque[Item] = deque()
        self._ready = asyncio.Event()
        self.lost = 0
        """Items dropped because this subscriber was too slow."""

    @property
    def waiting(self) -> int:
        """Items not taken yet."""
        return len(self._items)

    def append(self, items: Iterable[Item]) -> int:
        """Take items; how many old ones had to go."""
        self._items.extend(filter(self._wanted, items) if self._wanted else items)
        over = max(0, len(self._items) - self._limit)
        for _ in range(over):
            self._items.popleft()
        self.lost += over
        self._ready.set()
        return over

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            while self._items:
                yield self._items.popleft()
            self._ready.clear()
            await self._ready.wait()

    async def batches(self) -> AsyncIterator[list[Item]]:
        """All that waits, each time something does."""
        while True:
            await self.some()
            yield self.take()

    async def some(self) -> None:
        """Wait until something waits."""
        while not self._items:
            self._ready.clear()
            await self._ready.wait()

    def take(self) -> list[Item]:
        """All that waits."""
        taken = list(self._items)
        self._items.clear()
        return taken

    def close(self) -> None:
        self._feed.drop(self)


class Feed:
    """Hands every item to every subscriber."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._subscriptions: list[Subscription] = []

    def subscribe(self, limit: int = QUEUE, wanted: Wanted | None = None) -> Subscription:
        """Items from now on, all or those `wanted`; `close` it when done."""
        subscription = Subscription(self, limit, wanted)
        self._subscriptions.append(subscription)
        return subscription

    def publish(self, items: list[Item]) -> None:
        for subscription in self._subscriptions:
            self._counters.feed_dropped += subscription.append(items)

    def drop(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    @property
    def backlog(self) -> int:
        """Items that the slowest subscriber has yet to take."""
        return max((subscription.waiting for subscription in self._subscriptions), default=0)

    def __bool__(self) -> bool:
        return bool(self._subscriptions)
