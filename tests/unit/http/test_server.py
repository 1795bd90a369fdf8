"""What a listener leaves behind when it ends: nothing that its application would still answer."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection, RemoteDisconnected

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.http import server

LONG = 60.0


def application(text: bytes, go_on: asyncio.Event) -> ASGIApp:
    """Says `text` once it may `go_on`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = str(2 * len(text)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text, "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": text})

    return app


def ask(connection: HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


async def over_a_change(*, at_work: bool) -> list[bytes]:
    """What one caller hears who keeps its connection, and asks the second application when the
    first has ended: `at_work` while it answers."""
    taken = server.bind("127.0.0.1", 0)
    taken.listen()
    connection = HTTPConnection(*taken.getsockname()[:2], timeout=LONG)
    go_on, heard = asyncio.Event(), list[bytes]()
    first = asyncio.create_task(server.serve(application(b"reader", go_on), taken.dup()))
    await asyncio.to_thread(connection.request, "GET", "/")
    answer = await asyncio.to_thread(connection.getresponse)
    if not at_work:
        go_on.set()
        heard.append(await asyncio.to_thread(answer.read))
    first.cancel()
    await asyncio.wait({first})
    go_on.set()
    if at_work:
        heard.append(await asyncio.to_thread(answer.read))
    second = asyncio.create_task(server.serve(application(b"leader", go_on), taken.dup()))
    try:
        heard.append(await asyncio.to_thread(ask, connection))
    except (RemoteDisconnected, ConnectionError):  # it is told to come again
        heard.append(await asyncio.to_thread(ask, connection))
    second.cancel()
    await asyncio.wait({second})
    connection.close()
    taken.close()
    return heard


@pytest.mark.parametrize("at_work", [False, True], ids=["idle", "at work"])
def test_a_connection_that_was_kept_ends_with_its_application(at_work: bool) -> None:
    assert asyncio.run(over_a_change(at_work=at_work)) == [b"readerreader", b"leaderleader"]


async def test_one_that_is_cancelled_before_it_serves_keeps_no_address() -> None:
    begun = asyncio.Event()

    async def never_ready(_scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    taken = server.bind("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(never_ready, taken, lifespan=True))
    await begun.wait()
    serving.cancel()
    await asyncio.wait([serving])
    assert taken.fileno() == -1


def test_an_address_that_was_given_back_can_be_taken_again() -> None:
    held = server.HeldAddress()
    for _ in range(2):
        held.take("127.0.0.1", 0).close()
        held.close()
    held.close()
