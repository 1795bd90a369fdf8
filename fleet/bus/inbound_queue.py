"""What has arrived and waits to be read: the reading half that every adapter shares."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from fleet.bus.port import Inbound

MAX_BATCH: Final = 1_000
"""Messages handed over at once: enough to fill a commit, small enough to acknowledge in time."""


MAX_UNASSURED: Final = 64 << 20
"""Bytes at QoS 0 that may wait: some 300,000 heartbeats. Whoever may publish can send them faster
than a disk takes them, and while it is full nothing is taken at all."""

_BESIDE: Final = 200
"""Bytes that a message takes in memory beside its text, roughly."""


class InboundQueue:
    """Messages in order of arrival, for one reader, until `close`.

    With manual acknowledgement the broker sends no more than it may have in flight, and without it
    the reader does not stay long. But what is published at QoS 0 comes however much waits already:
    of that no more than MAX_UNASSURED is kept.

    Attributes:
        overflowed: messages at QoS 0 that were dropped.
    """

    def __init__(self) -> None:
        self.overflowed = 0
        self._waiting: deque[Inbound] = deque()
        self._unassured = 0
        self._ready = asyncio.Event()
        self._closed = False

    def append(self, message: Inbound) -> None:
        self.extend([message])

    def extend(self, messages: list[Inbound]) -> None:
        if size := _unassured(messages):
            if self._unassured + size > MAX_UNASSURED:
                assured = [message for message in messages if message.qos]
                self.overflowed += len(messages) - len(assured)
                messages = assured
            else:
                self._unassured += size
        self._waiting.extend(messages)
        self._ready.set()

    def close(self) -> None:
        """No more will come; the reader's loop ends once it has read the rest."""
        self._closed = True
        self._ready.set()

    async def messages(self) -> AsyncIterator[Inbound]:
        while await self._some():
            message = self._waiting.popleft()
            if self._unassured:
                self._unassured -= _unassured([message])
            yield message

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        waiting = self._waiting
        while await self._some():
            if len(waiting) <= MAX_BATCH:
                batch = list(waiting)
                waiting.clear()
            else:
                batch = [waiting.popleft() for _ in range(MAX_BATCH)]
            if self._unassured:
                self._unassured -= _unassured(batch)
            yield batch

    async def _some(self) -> bool:
        """Wait until there is something to read; False at the end."""
        while not self._waiting:
            if self._closed:
                return False
            self._ready.clear()
            await self._ready.wait()
        return True


def _unassured(messages: list[Inbound]) -> int:
    """The bytes of those at QoS 0."""
    return sum(
        len(topic) + len(payload) + _BESIDE for topic, payload, qos, *_ in messages if not qos
    )
