"""At the hub that leads: does what hubs that read were asked for, as if it were asked itself."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message

from fleet.http.auth import PRINCIPAL, BorneTokens
from fleet.http.problems import HttpProblem
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.shared import LEFT_AT_HOME, Answer, Request, RequestOutbox
from fleet.tokens import Principal, Role, Tokens

LOOK: Final = 0.2
"""Seconds between looks at what waits."""

AT_ONCE: Final = 50

MOST: Final = 4 * 1024 * 1024
"""Bytes of an answer that goes through the store; a page of a list has a tenth of it."""

TOLD: Final = ("etag", "location", "retry-after", "www-authenticate")
"""What of an answer's headers goes with it."""

_log = logging.getLogger(__name__)


class Forwarded:
    """A service. `app`: the whole application, guards and all; `tokens`: of this home."""

    name = "forwarded"

    def __init__(self, app: ASGIApp, outbox: RequestOutbox, tokens: Tokens) -> None:
        self._app = app
        self._tokens = BorneTokens(tokens)
        self._outbox = outbox

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    waiting = await asyncio.to_thread(self._outbox.take, AT_ONCE)
                except LeadershipLostError:
                    return  # whoever renews the lease says so
                except StoreError:
                    waiting = []  # the committer says so
                for request in waiting:
                    group.create_task(self._do(request), name=self.name)
                await asyncio.sleep(LOOK)

    async def _do(self, request: Request) -> None:
        answer = await answered(self._app, request, self._tokens)
        try:
            await asyncio.to_thread(self._outbox.answer, request.id, answer)
        except StoreError as error:
            _log.warning("what was done for another hub is not told: %s", error.what)


async def answered(app: ASGIApp, request: Request, tokens: BorneTokens) -> Answer:
    """What `app` answers to a request, with the rights that its token has here and now."""
    path, _, query = request.path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", request.kind.encode("latin-1", "replace")),
            (b"content-length", str(len(request.body)).encode()),
            *((name.encode(), text.encode("latin-1")) for name, text in request.headers.items()),
        ],
        "client": None,
        "server": None,
    }
    body = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    status, headers, parts, size = 500, dict[str, str](), list[bytes](), 0

    async def receive() -> Message:
        return next(body, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        nonlocal status, headers, size
        if message["type"] == "http.response.start":
            status = message["status"]
            sent = message.get("headers", ())
            headers = {n.decode("latin-1").lower(): text.decode("latin-1") for n, text in sent}
        else:
            part = message.get("body", b"")
            size += len(part)
            if size <= MOST:
                parts.append(part)

    try:
        if request.role:
            scope[PRINCIPAL] = _bearer(request, tokens)
        await app(scope, receive, send)
    except HttpProblem as problem:
        return _said(problem)
    except Exception:  # noqa: BLE001 - whoever asked is to hear of it, whatever a route does
        _log.exception("what another hub was asked for failed")
        return Answer(500, "", b"")
    if size > MOST:
        return _said(_too_large())
    told: dict[str, str] = {name: headers[name] for name in TOLD if name in headers}
    return Answer(status, headers.get("content-type", ""), b"".join(parts), told)


def _said(problem: HttpProblem) -> Answer:
    refused = problem.response()
    kind = refused.media_type or ""
    return Answer(refused.status_code, kind, bytes(refused.body), problem.headers or {})


def _too_large() -> HttpProblem:
    return HttpProblem(
        HTTPStatus.BAD_GATEWAY,
        f"it was done, and the answer is larger than {MOST} bytes: it stays at the hub that leads",
        "a smaller limit=, or the same at the hub that leads",
    )


def _bearer(request: Request, tokens: BorneTokens) -> Principal:
    """
    Raises:
        HttpProblem: 401, this home knows no such token, or no longer.
        ValueError: a role that this release does not know.
    """
    id_ = request.token
    if id_.startswith(LEFT_AT_HOME):  # in no other home's list
        return Principal(Role(request.role), request.agent, id_.removeprefix(LEFT_AT_HOME))
    if (found := tokens.bearer(id_)) is None:
        raise HttpProblem(
            HTTPStatus.UNAUTHORIZED,
            "the hub that leads does not know this token, or it was revoked there"
            ": nothing was done",
            "fleet token list at the hub that leads; a token made there, with its tokens.json in"
            " the home of this hub",
        )
    return found
