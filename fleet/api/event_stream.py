"""What happens in the hub, numbered, for clients that listen; each takes what it asked for.

Most of it is read by nobody. So it is kept as it came, many at a time, and an event is made of one
only when somebody gets it, and then once for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from fleet.contract import timestamps
from fleet.contract.vocabulary import MessageKind, Word
from fleet.domain.commands import IssuedCommand
from fleet.store.records import DeadLetter, StoredEvent, StoredMessage, described_message

RING: Final = 2_000
"""Events kept at least for clients that come back with an id; older ones are in the store."""

BEHIND: Final = 20_000
"""Events a slow client may lag behind before it is cut off; it resumes by id. The replies of
10,000 agents to one broadcast come faster than any client reads."""

AT_ONCE: Final = 500
"""Events in one piece of an answer: written one by one they cost ten times as much."""

_timestamp = lru_cache(16)(timestamps.timestamp)
"""What is committed together mostly came together."""


class EventName(Word):
    """What an event is about."""

    FACT = "fact", "something became true: a verdict, an alert, a birth"
    BUS = "bus", "a message was stored"
    COMMAND = "command", "a command changed its state"
    REJECT = "reject", "a message broke the contract"
    GAP = "gap", "what came next is no longer kept: read /v1/history"


class Gap(NamedTuple):
    """Says that what came after the id `after` is no longer kept."""

    after: int


Told = StoredMessage | StoredEvent | DeadLetter | IssuedCommand
"""What events are made of."""

NAMES: Final[dict[type, EventName]] = {
    StoredEvent: EventName.FACT,
    StoredMessage: EventName.BUS,
    IssuedCommand: EventName.COMMAND,
    DeadLetter: EventName.REJECT,
    Gap: EventName.GAP,
}


@dataclass(slots=True)
class StreamEvent:
    """One thing that happened, with the id a client resumes from."""

    id: int
    item: Told | Gap
    _text: bytes | None = field(default=None, init=False)

    @property
    def name(self) -> EventName:
        return NAMES[type(self.item)]

    def encoded(self) -> bytes:
        """As a server-sent event."""
        if self._text is None:
            head = f"id: {self.id}\r\nevent: {self.name}\r\ndata: ".encode()
            self._text = head + orjson.dumps(_described(self.item)) + b"\r\n\r\n"
        return self._text


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a client wants; empty and None: all."""

    names: frozenset[EventName] = frozenset()
    kind: MessageKind | None = None
    agent: str | None = None

    def places(self, items: Sequence[Told]) -> list[int]:
        """Where among `items` those are that it wants."""
        types = {one for one, name in NAMES.items() if not self.names or name in self.names}
        kind, agent = self.kind, self.agent
        return [
            place
            for place, item in enumerate(items)
            if type(item) in types
            and (kind is None or (type(item) is StoredMessage and item.kind is kind))
            and (agent is None or agent == _agent(item))
        ]


class _Block:
    """What was published together."""

    def __init__(self, first: int, items: Sequence[Told]) -> None:
        self.first = first
        self.items = items
        self._made: dict[int, StreamEvent] = {}

    def events(self, wanted: EventFilter) -> Iterator[StreamEvent]:
        """Those that are wanted; the same for everybody who gets one."""
        for place in wanted.places(self.items):
            event = self._made.get(place)
            if event is None:
                event = self._made[place] = StreamEvent(self.first + place, self.items[place])
            yield event


class _Client:
    """One listener's events that it has not read yet."""

    def __init__(self, wanted: EventFilter, missed: list[StreamEvent]) -> None:
        self.wanted = wanted
        self.waiting = deque(missed)
        self.ready = asyncio.Event()
        self.over = False

    def take(self, block: _Block) -> None:
        if self.over:
            return
        before = len(self.waiting)
        self.waiting.extend(block.events(self.wanted))
        if len(self.waiting) == before:
            return
        if len(self.waiting) > BEHIND:
            self.waiting.clear()
            self.over = True  # cut off: it comes back with its last id
        self.ready.set()


class EventStream:
    """Keeps the last events, and hands each to the clients that want it."""

    def __init__(self) -> None:
        self._last = 0
        self._ring: deque[_Block] = deque()
        self._kept = 0
        self._clients: set[_Client] = set()

    def number_from(self, last: int) -> None:
        self._last = max(last, self._last)

    def publish(self, items: Sequence[Told]) -> None:
        """Number what happened, in this order, and tell whoever wants it."""
        if not items:
            return
        block = _Block(self._last + 1, items)
        self._last += len(items)
        self._ring.append(block)
        self._kept += len(items)
        while self._kept - len(self._ring[0].items) >= RING:
            self._kept -= len(self._ring.popleft().items)
        for client in self._clients:
            client.take(block)

    def gap(self) -> None:
        """Something was missed: every client comes back, and is told so."""
        self._last += 1
        self._ring.clear()
        self._kept = 0
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
        oldest = self._ring[0].first if self._ring else self._last + 1
        # An id that is not given yet is of an earlier hub, whose clock ran ahead.
        if after is not None and not oldest - 1 <= after <= self._last:
            yield [StreamEvent(oldest - 1, Gap(after))]
        kept = [] if after is None else self._since(after, wanted)
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

    def _since(self, after: int, wanted: EventFilter) -> list[StreamEvent]:
        return [
            event
            for block in self._ring
            if block.first + len(block.items) > after + 1
            for event in block.events(wanted)
            if event.id > after
        ]


def _agent(item: Told) -> str:
    """Whom it is about; empty: nobody in particular."""
    if isinstance(item, StoredEvent):
        return item.event.agent
    return "" if isinstance(item, DeadLetter) else item.agent


def _described(item: Told | Gap) -> dict[str, Any]:
    """Ready for JSON."""
    if isinstance(item, StoredMessage):
        return _message(item)
    if isinstance(item, StoredEvent):
        return item.event.as_dict()
    if isinstance(item, DeadLetter):  # the text stays in the store: it may be a leak
        return {"at": timestamps.timestamp(item.at), "reason": item.reason}
    return item._asdict() if isinstance(item, Gap) else item.as_dict()


def _message(stored: StoredMessage) -> dict[str, Any]:
    """`described_message`; what was said stands in it as it was sent, and is not read again, unless
    that is several lines, as which it would be another event."""
    id_, at, agent, kind, retained, payload = stored
    if b"\n" in payload or b"\r" in payload:
        return described_message(stored)
    return {
        "id": id_,
        "ts": _timestamp(at),
        "agent": agent or None,
        "kind": kind,
        "retained": retained,
        "message": orjson.Fragment(payload),
    }
