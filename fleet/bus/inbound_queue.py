"""What has arrived and waits to be read: the reading half that every adapter shares."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from fleet.bus.port import Inbound

MAX_BATCH: Final = 1_000
"""Messages handed over at once: enough to fill a commit, small enough to acknowledge in time."""


class InboundQueue:
    """Messages in order of arrival, for one reader, until `close`.

    It has no bound of its own: with manual acknowledgement the broker sends no more than it may
    have in flight, and without it the reader does not stay long.
    """

    def __init__(self) -> None:
        self._waiting: deque[Inbound] = deque()
        self._ready = asyncio.Event()
        self._closed = False

    def append(self, message: Inbound) -> None:
        self._waiting.append(message)
        self._ready.set()

    def extend(self, messages: list[Inbound]) -> None:
        self._waiting.extend(messages)
        self._ready.set()

    def close(self) -> None:
        """No more will come; the reader's loop ends once it has read the rest."""
        self._closed = True
        self._ready.set()

    async def messages(self) -> AsyncIterator[Inbound]:
        while await self._some():
            yield self._waiting.popleft()

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        waiting = self._waiting
        while await self._some():
            if len(waiting) <= MAX_BATCH:
                batch = list(waiting)
                waiting.clear()
            else:
                batch = [waiting.popleft() for _ in range(MAX_BATCH)]
            yield batch

    async def _some(self) -> bool:
        """Wait until there is something to read; False at the end."""
        while not self._waiting:
            if self._closed:
                return False
            self._ready.clear()
            await self._ready.wait()
        return True
