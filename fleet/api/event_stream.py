"""What happens in the hub, numbered, for clients that listen; each takes what it asked for.

Most events are read by nobody, so one is described and encoded only when somebody gets it, and
then once for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from fleet.contract.vocabulary import MessageKind, Word

RING: Final = 2_000
"""Events kept for clients that come back with an id; older ones are in the store."""

BEHIND: Final = 20_000
"""Events a slow client may lag behind before it is cut off; it resumes by id. The replies of
10,000 agents to one broadcast come faster than any client reads."""

AT_ONCE: Final = 200
"""Events in one piece of an answer: written one by one they cost ten times as much."""


class EventName(Word):
    """What an event is about."""

    FACT = "fact", "something became true: a verdict, an alert, a birth"
    BUS = "bus", "a message was stored"
    COMMAND = "command", "a command changed its state"
    REJECT = "reject", "a message broke the contract"
    GAP = "gap", "what came next is no longer kept: read /v1/history"


@dataclass(slots=True)
class StreamEvent:
    """One thing that happened, with the id a client resumes from.

    Attributes:
        agent: whom it is about; empty: nobody in particular.
        kind: of the message, where it is one.
        describe: makes the JSON object.
    """

    id: int
    name: EventName
    agent: str
    kind: MessageKind | None
    describe: Callable[[], dict[str, Any]]
    _text: bytes | None = field(default=None, init=False)

    def encoded(self) -> bytes:
        """As a server-sent event."""
        if self._text is None:
            head = f"id: {self.id}\r\nevent: {self.name}\r\ndata: ".encode()
            self._text = head + orjson.dumps(self.describe()) + b"\r\n\r\n"
        return self._text


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a client wants; empty and None: all."""

    names: frozenset[EventName] = frozenset()
    kind: MessageKind | None = None
    agent: str | None = None

    def __contains__(self, event: StreamEvent) -> bool:
        return (
            (not self.names or event.name in self.names)
            and self.kind in (None, event.kind)
            and self.agent in (None, event.agent)
        )


class _Client:
    """One listener's events that it has not read yet."""

    def __init__(self, wanted: EventFilter, missed: list[StreamEvent]) -> None:
        self.wanted = wanted
        self.waiting = deque(missed)
        self.ready = asyncio.Event()
        self.over = False


class EventStream:
    """Keeps the last events, and hands each to the clients that want it."""

    def __init__(self) -> None:
        self._last = 0
        self._ring: deque[StreamEvent] = deque(maxlen=RING)
        self._clients: set[_Client] = set()

    def number_from(self, last: int) -> None:
        self._last = max(last, self._last)

    def publish(
        self,
        name: EventName,
        agent: str,
        describe: Callable[[], dict[str, Any]],
        kind: MessageKind | None = None,
    ) -> None:
        self._last += 1
        event = StreamEvent(self._last, name, agent, kind, describe)
        self._ring.append(event)
        for client in self._clients:
            if client.over or event not in client.wanted:
                continue
            client.waiting.append(event)
            if len(client.waiting) > BEHIND:
                client.waiting.clear()
                client.over = True  # cut off: it comes back with its last id
            client.ready.set()

    def gap(self) -> None:
        """Something was missed: every client comes back, and is told so."""
        self._last += 1
        self._ring.clear()
        self.end()

    def end(self) -> None:
        """Every client gets what waits, and then the end."""
        for client in self._clients:
            client.over = True
            client.ready.set()

    async def listen(
        self, after: int | None, wanted: EventFilter
    ) -> AsyncIterator[list[StreamEvent]]:
        """Events after id `after` (None: from now on), as many as wait at a time."""
        oldest = self._ring[0].id if self._ring else self._last + 1
        # An id that is not given yet is of an earlier hub, whose clock ran ahead.
        if after is not None and not oldest - 1 <= after <= self._last:
            yield [StreamEvent(oldest - 1, EventName.GAP, "", None, lambda: {"after": after})]
        kept = [e for e in self._ring if after is not None and e.id > after and e in wanted]
        client = _Client(wanted, kept)
        self._clients.add(client)
        try:
            while client.waiting or not client.over:
                waiting = client.waiting
                if waiting:
                    yield [waiting.popleft() for _ in range(min(len(waiting), AT_ONCE))]
                    continue
                client.ready.clear()
                await client.ready.wait()
        finally:
            self._clients.discard(client)
