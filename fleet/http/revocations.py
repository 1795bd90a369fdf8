"""Ends what a token or a session holds open as soon as it ends itself: a request is judged once,
when it begins, and an event stream may last for days.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Container, Coroutine, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.contract.errors import ConfigError
from fleet.http.problems import HttpProblem

PAUSE: Final = 0.2
"""Seconds between looks at the files of tokens and sessions, while anything is open."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Revocations:
    """A service: `run` looks whether the tokens and sessions in use are still there.

    Args:
        valid: of some ids, those that are.
    """

    name = "revocations"

    def __init__(self, valid: Callable[[Collection[str]], Container[str]]) -> None:
        self._valid = valid
        self._open: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, bearer_id: str) -> Iterator[asyncio.Event]:
        """Set once the token or session of this id is over; watched while the block runs."""
        revoked = asyncio.Event()
        self._open.setdefault(bearer_id, set()).add(revoked)
        try:
            yield revoked
        finally:
            self._open[bearer_id].discard(revoked)
            if not self._open[bearer_id]:
                del self._open[bearer_id]

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            if self._open:
                self._look()

    def _look(self) -> None:
        try:
            valid = self._valid(self._open.keys())
        except ConfigError as error:
            # Whoever asks now is refused with the same words; who is connected was let in before.
            _log.error("the file of tokens is not usable: %s", error.what)
            return
        for bearer_id, watched in self._open.items():
            if bearer_id not in valid:
                for revoked in watched:
                    revoked.set()

    async def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, a server that ends by itself or is cancelled, and look meanwhile."""
        looking = asyncio.create_task(self.run(), name=self.name)
        try:
            await work
        finally:
            looking.cancel()
            await asyncio.wait({looking})


async def until(items: AsyncIterator[T], revoked: asyncio.Event) -> AsyncIterator[T]:
    """`items` until their end, or until `revoked` is set: what waits then is not given."""
    ending = asyncio.ensure_future(revoked.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(items))
            await asyncio.wait((following, ending), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        ending.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.wait({following})


async def answer_until(
    revoked: asyncio.Event, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let `app` answer; its answer ends where `revoked` is set meanwhile, half as it is."""
    begun = over = False

    async def noting(message: Message) -> None:
        nonlocal begun, over
        begun = True
        over = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    work = asyncio.ensure_future(app(scope, receive, noting))
    ending = asyncio.ensure_future(revoked.wait())
    try:
        await asyncio.wait((work, ending), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            return
        await _cancel(work)
        if not begun:
            problem = HttpProblem(HTTPStatus.UNAUTHORIZED, "this token is not valid any more")
            await problem.response()(scope, receive, send)
        elif not over:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        ending.cancel()
        await _cancel(work)


async def _cancel(work: asyncio.Future[None]) -> None:
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # how it ended when it was told to is nobody's concern
