"""The event stream by which a caller hears of answers: how it ends."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from fleet.commander.over_broker import CommandMessage
from fleet.commander.through_hub import ThroughHub
from fleet.contract.reader import Reader
from fleet.contract.vocabulary import Verb
from fleet.hub_client import HubClient, HubError
from tests.support.waiting import wait_until

EVENT = b'data: {"agent":"ada","message":{"reply":{"to":"X"}}}\r\n\r\n'


class Stream:
    """What a hub answers, piece by piece; at the end it breaks in the middle of an event."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()

    def read1(self, _size: int) -> bytes:
        for piece in self._pieces:
            return piece
        raise http.client.IncompleteRead(b"data: {")


class Hub(ThroughHub):
    def __init__(self, stream: Stream) -> None:
        super().__init__(cast("HubClient", None), Reader())
        self._made = stream

    def _stream(self) -> Any:
        return self._made

    async def _post(self, command: CommandMessage) -> dict[str, float]:
        del command
        return {}


async def test_a_stream_that_breaks_in_the_middle_of_an_event_is_one_that_ended() -> None:
    hub = Hub(Stream(iter([EVENT])))
    with pytest.raises(HubError, match="stream ended"):
        _ = [answer async for answer in hub.send(CommandMessage(Verb.HEALTH_CHECK), ["ada"], 30)]


async def test_nobody_goes_on_listening_when_all_has_been_said() -> None:
    more = threading.Event()

    def pieces() -> Iterator[bytes]:
        assert more.wait(30)
        while True:
            yield EVENT

    stream = Stream(pieces())
    hub = Hub(stream)
    assert not [answer async for answer in hub.send(CommandMessage(Verb.HEALTH_CHECK), [], 30)]
    more.set()
    wait_until(stream.closed.is_set, 30, "the end of the stream")
