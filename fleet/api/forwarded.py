"""At the hub that leads: does what hubs that read were asked for, as if it were asked itself."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from starlette.types import ASGIApp, Message

from fleet.http.auth import PRINCIPAL
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.shared import Answer, Request, RequestOutbox
from fleet.tokens import Principal, Role

LOOK: Final = 0.2
"""Seconds between looks at what waits."""

AT_ONCE: Final = 50

_log = logging.getLogger(__name__)


class Forwarded:
    """A service. `app`: the whole application, guards and all."""

    name = "forwarded"

    def __init__(self, app: ASGIApp, outbox: RequestOutbox) -> None:
        self._app = app
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
        answer = await answered(self._app, request)
        try:
            await asyncio.to_thread(self._outbox.answer, request.id, answer)
        except StoreError as error:
            _log.warning("what was done for another hub is not told: %s", error.what)


async def answered(app: ASGIApp, request: Request) -> Answer:
    """What `app` answers to a request whose bearer was looked at already."""
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
        ],
        "client": None,
        "server": None,
    }
    if request.role:
        scope[PRINCIPAL] = Principal(Role(request.role), request.agent, request.token)
    body = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    status, kind, parts = 500, "", list[bytes]()

    async def receive() -> Message:
        return next(body, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        nonlocal status, kind
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = dict(message.get("headers", ()))
            kind = headers.get(b"content-type", b"").decode("latin-1")
        else:
            parts.append(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception:  # noqa: BLE001 - whoever asked is to hear of it, whatever a route does
        _log.exception("what another hub was asked for failed")
        return Answer(500, "", b"")
    return Answer(status, kind, b"".join(parts))
