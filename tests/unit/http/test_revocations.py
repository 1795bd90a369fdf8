"""What a token holds open ends with the token, and with nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest

from fleet.http.revocations import Revocations, answer_until, until
from fleet.tokens import Principal, Role, Tokens
from tests.support.waiting import eventually


async def _numbers(given: asyncio.Queue[int]) -> AsyncIterator[int]:
    while True:
        number = await given.get()
        if number < 0:
            return
        yield number


async def test_only_what_the_revoked_token_opened_is_ended(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    gone, kept = (tokens.create(Principal(Role.VIEWER), "now")[1] for _ in range(2))
    revocations = Revocations(tokens.ids)
    looking = asyncio.create_task(revocations.run())
    try:
        with (
            revocations.watch(gone.id) as first,
            revocations.watch(gone.id) as second,
            revocations.watch(kept.id) as other,
        ):
            Tokens(tmp_path).revoke(gone.id)
            await eventually(lambda: first.is_set() and second.is_set())
            assert not other.is_set()
        assert not revocations._open
    finally:
        looking.cancel()


async def test_a_damaged_file_of_tokens_ends_nothing_and_the_watch_goes_on(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    _, entry = tokens.create(Principal(Role.VIEWER), "now")
    good = tokens.path.read_bytes()
    revocations = Revocations(tokens.ids)
    with revocations.watch(entry.id) as revoked:
        tokens.path.write_bytes(b"[")
        revocations._look()
        assert not revoked.is_set()
        tokens.path.write_bytes(good)
        Tokens(tmp_path).revoke(entry.id)
        revocations._look()
        assert revoked.is_set()


def test_nobody_is_judged_who_holds_nothing_open() -> None:
    asked: list[set[str]] = []

    def valid(among: Collection[str]) -> set[str]:
        asked.append(set(among))
        return set(among)

    revocations = Revocations(valid)
    with revocations.watch("one"), revocations.watch("two"), revocations.watch("two"):
        revocations._look()
    with revocations.watch("one") as revoked:
        revocations._look()
    assert asked == [{"one", "two"}, {"one"}]
    assert not revoked.is_set()


async def test_items_come_until_they_end_or_the_token_does() -> None:
    given: asyncio.Queue[int] = asyncio.Queue()
    for number in (1, 2, -1):
        given.put_nowait(number)
    assert [item async for item in until(_numbers(given), asyncio.Event())] == [1, 2]

    revoked, found = asyncio.Event(), list[int]()

    async def read() -> None:
        async for item in until(_numbers(given), revoked):
            found.append(item)

    reading = asyncio.create_task(read())
    given.put_nowait(3)
    await eventually(lambda: found == [3])
    revoked.set()
    await asyncio.wait_for(reading, 10)
    given.put_nowait(4)
    assert found == [3]


@pytest.mark.parametrize("begun", [True, False])
async def test_an_answer_that_lasts_ends_whole(begun: bool) -> None:
    revoked, sent = asyncio.Event(), list[dict[str, Any]]()
    waits, left = asyncio.Event(), asyncio.Event()

    async def lasts(_scope: Any, _receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    answering = asyncio.create_task(answer_until(revoked, lasts, {"type": "http"}, receive, send))
    await waits.wait()
    revoked.set()
    await asyncio.wait_for(answering, 10)
    assert left.is_set()
    assert sent[0]["status"] == (200 if begun else 401)
    assert not sent[-1].get("more_body", False)


async def test_who_hangs_up_ends_the_work_too() -> None:
    waits, left = asyncio.Event(), asyncio.Event()

    async def lasts(*_: Any) -> None:
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    async def nothing(*_: Any) -> Any:
        return None

    revoked = asyncio.Event()
    answering = asyncio.create_task(
        answer_until(revoked, lasts, {"type": "http"}, nothing, nothing)
    )
    await waits.wait()
    answering.cancel()
    await asyncio.wait({answering})
    assert left.is_set()
