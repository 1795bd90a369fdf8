"""Clients of the stream get what they asked for, in order; nobody else pays for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest

from fleet.api import event_stream
from fleet.api.event_stream import (
    AT_ONCE,
    BEHIND,
    RING,
    EventFilter,
    EventName,
    EventStream,
    StreamEvent,
    Told,
)
from fleet.contract.vocabulary import MessageKind, Priority, Reason, Verb
from fleet.domain.commands import IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.store.records import DeadLetter, StoredEvent, StoredMessage, described_message

NOON = 1_800_000_000.0


def message(number: int, agent: str = "ada", text: bytes | None = None) -> StoredMessage:
    payload = text or orjson.dumps({"number": number})
    return StoredMessage(number, NOON, agent, MessageKind.STATUS, False, payload)


def fact(number: int, agent: str = "ada") -> StoredEvent:
    return StoredEvent(number, Event(Fact.REPLY, agent, NOON, amount=number))


def command(number: int, agent: str = "ada") -> IssuedCommand:
    return IssuedCommand(
        str(number), agent, Verb.HEALTH_CHECK, Priority.NORMAL, number, NOON, by="cli"
    )


def dead_letter(number: int) -> DeadLetter:
    return DeadLetter(number, NOON, "fleet/ada/status", b"{}", False, Reason.NOT_JSON, "")


def publish(stream: EventStream, number: int) -> None:
    stream.publish([message(number)])


async def read(stream: EventStream, wanted: EventFilter, after: int | None = 0) -> list[Any]:
    """All that waits for a client, which then hears of the end."""
    found = b""
    async for batch in stream.listen(after, wanted):
        assert 0 < len(batch) <= AT_ONCE
        found += b"".join(event.encoded() for event in batch)
        stream.end()
    texts = [event.partition(b"data: ")[2] for event in found.split(b"\r\n\r\n")[:-1]]
    return [_number(json.loads(text)) for text in texts]


def _number(told: dict[str, Any]) -> Any:
    return told["message"]["number"] if "message" in told else told.get("amount", told)


async def test_a_client_resumes_after_an_id_and_takes_what_it_wants() -> None:
    stream = EventStream()
    for number in range(1, 301):
        made = fact if number % 2 else message
        stream.publish([made(number, "ada" if number < 9 else "bob")])
    assert await read(stream, EventFilter(), after=298) == [299, 300]
    assert await read(stream, EventFilter(frozenset({EventName.FACT}), agent="ada")) == [1, 3, 5, 7]
    assert await read(stream, EventFilter(kind=MessageKind.STATUS, agent="ada")) == [2, 4, 6, 8]
    assert await read(stream, EventFilter()) == list(range(1, 301))
    assert EventFilter(frozenset({EventName.GAP})).places([message(1), fact(2)]) == []


@pytest.mark.parametrize("sizes", [[1] * 300, [300], [7, 100, 0, 193], [150, 150]])
async def test_what_is_published_together_is_told_as_what_comes_one_by_one(
    sizes: list[int],
) -> None:
    stream, items = EventStream(), iter(range(1, 301))
    live: list[int] = []

    async def listen() -> None:
        async for batch in stream.listen(None, EventFilter(agent="ada")):
            live.extend(event.id for event in batch)

    listening = asyncio.ensure_future(listen())
    await asyncio.sleep(0)
    for size in sizes:
        numbers = [next(items) for _ in range(size)]
        together: list[Told] = [message(n, "ada" if n % 3 else "bob") for n in numbers]
        stream.publish(together)
    assert await read(stream, EventFilter(), after=0) == list(range(1, 301))
    assert await read(stream, EventFilter(), after=149) == list(range(150, 301))
    await listening
    assert live == await ids(stream, EventFilter(agent="ada"), after=0)


async def ids(stream: EventStream, wanted: EventFilter, after: int) -> list[int]:
    found: list[int] = []
    async for batch in stream.listen(after, wanted):
        found += [event.id for event in batch]
        stream.end()
    return found


async def test_a_ring_keeps_enough_and_says_what_it_has_not() -> None:
    stream = EventStream()
    for first in range(1, RING * 2, 100):
        stream.publish([message(first + n) for n in range(100)])
    last = RING * 2
    assert await ids(stream, EventFilter(), after=last - RING) == [
        *range(last - RING + 1, last + 1)
    ]
    (gap, *rest) = await ids(stream, EventFilter(), after=1)
    assert gap == last - RING
    assert rest == [*range(gap + 1, last + 1)]


async def test_an_event_that_nobody_reads_is_never_made() -> None:
    stream = EventStream()
    stream.publish([message(1, text=b"no JSON"), message(2, "bob")])
    assert await read(stream, EventFilter(agent="bob")) == [2]


@pytest.mark.parametrize(
    "text",
    [
        b'{"number":1}',
        b'{"ts": "2026-03-18T21:30:00Z",\t"cost_usd_total": 1.50e2}',
        b'{\n"number":\r\n1}\n',
        b'{"number":1}\r',
        '{"word":"\u00fc\u2028"}'.encode(),
    ],
)
def test_a_message_is_told_as_the_history_tells_it_and_in_one_line(text: bytes) -> None:
    stored = message(1, text=text)
    told = StreamEvent(7, stored).encoded()
    head, _, data = told.partition(b"data: ")
    assert head == b"id: 7\r\nevent: bus\r\n"
    assert data.endswith(b"\r\n\r\n")
    assert b"\n" not in data[:-4]
    assert b"\r" not in data[:-4]
    assert orjson.loads(data) == orjson.loads(orjson.dumps(described_message(stored)))
    everybody = stored._replace(agent="", kind=MessageKind.BROADCAST, at=NOON + 1.5, retained=True)
    _, _, data = StreamEvent(8, everybody).encoded().partition(b"data: ")
    assert orjson.loads(data) == orjson.loads(orjson.dumps(described_message(everybody)))


def test_what_is_no_message_is_told_as_what_it_is() -> None:
    told = {
        fact(1): ("fact", fact(1).event.as_dict()),
        command(2): ("command", command(2).as_dict()),
        dead_letter(3): ("reject", {"at": "2027-01-15T08:00:00.000Z", "reason": "not-json"}),
    }
    for item, (name, described) in told.items():
        lines = StreamEvent(1, item).encoded().split(b"\r\n")
        assert lines[:2] == [b"id: 1", f"event: {name}".encode()]
        assert orjson.loads(lines[2].removeprefix(b"data: ")) == described
    assert {event_stream.NAMES[type(one)].value for one in told} == {n for n, _ in told.values()}


async def test_a_client_that_lags_too_far_behind_is_cut_off() -> None:
    stream = EventStream()
    listening = stream.listen(None, EventFilter())
    first = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)
    publish(stream, 0)
    assert len(await first) == 1
    for number in range(BEHIND + 1):
        publish(stream, number)
    assert [batch async for batch in listening] == []


async def test_who_listened_while_something_was_missed_is_told_so_when_it_comes_back() -> None:
    stream = EventStream()
    stream.number_from(1000)
    publish(stream, 1)
    listening = stream.listen(None, EventFilter())
    reading = asyncio.ensure_future(anext(listening, None))
    await asyncio.sleep(0)
    stream.gap()
    assert await reading is None, "the end: it comes back by itself"
    publish(stream, 2)
    again = [batch async for batch in _ended_after(stream, stream.listen(1001, EventFilter()))]
    assert [event.name for batch in again for event in batch] == [EventName.GAP, EventName.BUS]


async def _ended_after(stream: EventStream, batches: Any) -> Any:
    async for batch in batches:
        yield batch
        stream.end()
