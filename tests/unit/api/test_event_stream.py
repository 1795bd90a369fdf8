"""Clients of the stream get what they asked for, in order; nobody else pays for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fleet.api.event_stream import AT_ONCE, BEHIND, EventFilter, EventName, EventStream
from fleet.contract.vocabulary import MessageKind


def publish(
    stream: EventStream, number: int, name: EventName = EventName.BUS, agent: str = "ada"
) -> None:
    kind = MessageKind.STATUS if name is EventName.BUS else None
    stream.publish(name, agent, lambda: {"number": number}, kind)


async def read(stream: EventStream, wanted: EventFilter, after: int | None = 0) -> list[Any]:
    """All that waits for a client, which then hears of the end."""
    found = b""
    async for batch in stream.listen(after, wanted):
        assert 0 < len(batch) <= AT_ONCE
        found += b"".join(event.encoded() for event in batch)
        stream.end()
    return [
        json.loads(event.partition(b"data: ")[2])["number"]
        for event in found.split(b"\r\n\r\n")[:-1]
    ]


async def test_a_client_resumes_after_an_id_and_takes_what_it_wants() -> None:
    stream = EventStream()
    for number in range(1, 301):
        publish(
            stream,
            number,
            EventName.FACT if number % 2 else EventName.BUS,
            "ada" if number < 9 else "bob",
        )
    assert await read(stream, EventFilter(), after=298) == [299, 300]
    assert await read(stream, EventFilter(frozenset({EventName.FACT}), agent="ada")) == [1, 3, 5, 7]
    assert await read(stream, EventFilter(kind=MessageKind.STATUS, agent="ada")) == [2, 4, 6, 8]
    assert await read(stream, EventFilter()) == list(range(1, 301))


async def test_an_event_that_nobody_reads_is_never_described() -> None:
    stream = EventStream()
    stream.publish(EventName.FACT, "ada", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    stream.publish(EventName.FACT, "bob", lambda: {"number": 2})
    assert await read(stream, EventFilter(agent="bob")) == [2]


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
