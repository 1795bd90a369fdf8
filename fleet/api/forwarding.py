"""What changes something at a hub that reads goes to the one that leads, through the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.auth import SessionAuthenticator
from fleet.contract.timestamps import timestamp, ulid
from fleet.http.problems import HttpProblem
from fleet.store.port import StoreError
from fleet.store.shared import LEFT_AT_HOME, Answer, Request, RequestOutbox, TooManyRequestsError
from fleet.tokens import Principal

PATIENCE: Final = 20.0
"""Seconds that a request may wait to be begun: a little more than a take-over lasts."""

DONE: Final = 20.0
"""Seconds that one that was begun may take: a departure waits for the broker's echo."""

LOOK: Final = 0.2
"""Seconds between looks for the answer, and at what waits."""

OWN: Final = ("/v1/session",)
"""What a hub answers itself, whatever the method: a session is of one hub."""

ASKED: Final = (
    "/v1/audit", "/v1/boards", "/v1/forecast", "/v1/inbox", "/v1/pairs", "/v1/rollouts",
    "/v1/tasks",
)  # fmt: skip
"""What is asked of the hub that leads also where it is only read: reading marks as read, what is
read lies in that one's home, or only who leads works it out."""

CONDITIONS: Final = ("if-match", "if-none-match")
"""What of a request's headers goes with it: without them a write over one version is over any."""

LINKS: Final = "/ack/"

CONTENT: Final = "/v1/blobs"
"""Content is no row of the store: it lies in the home of the hub that leads."""

AS_OF: Final = "X-Fleet-As-Of"


class Forwarding:
    """ASGI middleware, inside of what looks at host, origin and size.

    Args:
        seen: as of when, and how many seconds ago, what this hub shows is; None: nothing yet.
        leader: who leads; empty: nobody, or nobody knows.
        is_link: whether a text is a link of a notification, which is its own right.
        own: the id of the token that this hub left in its home; empty: it left none.
    """

    def __init__(
        self,
        app: ASGIApp,
        outbox: RequestOutbox,
        authenticator: SessionAuthenticator,
        seen: Callable[[], tuple[float, float] | None],
        leader: Callable[[], str],
        is_link: Callable[[str], bool],
        own: Callable[[], str],
    ) -> None:
        self._app = app
        self._outbox = outbox
        self._authenticator = authenticator
        self._seen = seen
        self._leader = leader
        self._is_link = is_link
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, reads = scope["path"], scope["method"] in ("GET", "HEAD", "OPTIONS")
        if path.startswith(CONTENT):
            raise self._elsewhere()
        if path.startswith(OWN) or (reads and not path.startswith(ASKED)):
            await self._app(scope, receive, self._dated(send))
            return
        request = HttpRequest(scope, receive)
        linked = path.startswith(LINKS) and self._is_link(path.removeprefix(LINKS))
        principal = None if linked else self._authenticator.principal(request)
        body = await request.body()
        try:
            answer = await self._ask(request, principal, body)
        except StoreError:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the store is away or does not answer: it may have been done",
                "again in a minute; GET /readyz says when it is there",
                headers={"Retry-After": "60"},
            ) from None
        await _response(answer)(scope, receive, send)

    def _dated(self, send: Send) -> Send:
        """`send` that says how old the answer is."""
        seen = self._seen()

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start" and seen is not None:
                at, age = seen
                message["headers"] = [
                    *message["headers"],
                    (AS_OF.lower().encode(), timestamp(at).encode()),
                    (b"age", str(round(age)).encode()),
                ]
            await send(message)

        return dated

    async def _ask(self, request: HttpRequest, caller: Principal | None, body: bytes) -> Answer:
        """
        Raises:
            HttpProblem: nobody does it, or nobody says what became of it.
        """
        query = request.url.query
        wanted = Request(
            ulid(time.time()),
            caller.role.value if caller else "",
            caller.agent if caller else "",
            self._token_of(caller) if caller else "",
            request.method,
            request.url.path + (f"?{query}" if query else ""),
            request.headers.get("content-type", ""),
            body,
            {name: request.headers[name] for name in CONDITIONS if name in request.headers},
        )
        try:
            await asyncio.to_thread(self._outbox.put, wanted, PATIENCE)
        except TooManyRequestsError:
            headers = {"Retry-After": "5"}
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too much waits for the hub that leads: nothing was done",
                "again in some seconds",
                headers=headers,
            ) from None
        began, withdrawn = time.monotonic(), False
        while (waited := time.monotonic() - began) < PATIENCE + DONE:
            if (found := await asyncio.to_thread(self._outbox.answer_of, wanted.id)) is not None:
                return found
            if waited >= PATIENCE and not withdrawn:
                withdrawn = True
                if await asyncio.to_thread(self._outbox.withdraw, wanted.id):
                    raise self._nobody()
            await asyncio.sleep(LOOK)
        raise HttpProblem(
            HTTPStatus.GATEWAY_TIMEOUT,
            "the hub that leads took this and gave no answer: it may have been done",
            "look whether it was done, then ask again",
        )

    def _token_of(self, caller: Principal) -> str:
        return (LEFT_AT_HOME if caller.id == self._own() else "") + caller.id

    def _nobody(self) -> HttpProblem:
        return HttpProblem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no hub leads that would do this: nothing was done",
            "again when GET /readyz names a leader; fleet doctor at a hub",
            headers={"Retry-After": "10"},
        )

    def _elsewhere(self) -> HttpProblem:
        leader = self._leader()
        return HttpProblem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "this hub reads, and content lies at the one that leads"
            + (f": {leader}" if leader else ""),
            "the same at the hub that leads",
            headers={"Retry-After": "5"},
        )


def _response(answer: Answer) -> Response:
    kind = {"Content-Type": answer.kind} if answer.kind else {}
    return Response(answer.body, answer.status, headers={**answer.headers, **kind})
