"""Streams that are asked for at once are let in before the first of them counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from fleet.api.event_stream import Gap, StreamEvent
from fleet.api.routes.events import _stream
from fleet.http.listeners import Listeners
from fleet.http.revocations import Revocations
from fleet.tokens import Tokens


async def endless() -> AsyncIterator[list[StreamEvent]]:
    while True:
        yield [StreamEvent(1, Gap(0))]


async def test_of_many_asked_for_at_once_no_more_stay_open_than_one_bearer_may_have(
    tmp_path: Path,
) -> None:
    listeners, revocations = Listeners(4), Revocations(Tokens(tmp_path).ids)
    for _ in range(5):
        listeners.check("a")
    streams = [_stream(endless(), listeners, revocations, "a", "a") for _ in range(5)]
    given = [await anext(stream, None) for stream in streams]
    assert [one is not None for one in given] == [True, True, False, False, False]
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    listeners.check("a")
