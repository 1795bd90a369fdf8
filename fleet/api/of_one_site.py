"""What is of one site alone, asked for at a hub of another one: whoever asks is told where it may
be, and not that there is no such thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.auth import SessionAuthenticator
from fleet.api.to_sites import replayed
from fleet.http.problems import HttpProblem

KINDS: Final[Mapping[str, str]] = {
    "/v1/tasks": "a task",
    "/v1/boards": "a board",
    "/v1/blobs": "the content of tasks",
    "/v1/rollouts": "a rollout",
    "/v1/pairs": "a pair",
}
"""What is of one site, by its place."""

NAMING: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/tasks": ("to",),
    "/v1/rollouts": ("agents",),
    "/v1/pairs": ("active", "standby"),
}
"""Where one is made, and the fields that name its agents."""

PROBLEM: Final = "application/problem+json"


class OfOneSite:
    """ASGI middleware, outside of `Forwarding`.

    Args:
        site_of: the other site that has an agent; empty: this one, or nobody.
        others: the other sites.
        own: this one.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: SessionAuthenticator,
        site_of: Callable[[str], str],
        others: Callable[[], Collection[str]],
        own: str,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._site_of = site_of
        self._others = others
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        place = next((one for one in KINDS if path == one or path.startswith(f"{one}/")), "")
        if not place or not self._others():
            await self._app(scope, receive, send)
            return
        if scope["method"] == "POST" and path in NAMING:
            request = Request(scope, receive)
            self._authenticator.principal(request)  # a stranger learns nothing of where agents are
            body = await request.body()
            self._refuse_others(path, body)
            receive = replayed(body, receive)
        await self._app(scope, receive, _Told(send, self._elsewhere(place)))

    def _refuse_others(self, place: str, body: bytes) -> None:
        """
        Raises:
            HttpProblem: it names an agent of another site.
        """
        for name in _named(body, NAMING[place]):
            if site := self._site_of(name):
                raise HttpProblem(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"{name} is an agent of the site {site}, and {KINDS[place]} is of one site:"
                    " nothing was done",
                    f"the same at a hub of {site}: FLEET_HUB=https://HUB-OF-{site.upper()}",
                )

    def _elsewhere(self, place: str) -> dict[str, str]:
        others = " or ".join(sorted(self._others()))
        return {
            "site": self._own,
            "try": f"the same at a hub of {others}, where it may be: FLEET_HUB=https://HUB;"
            f" {KINDS[place]} is of one site, and this is {self._own}",
        }


class _Told:
    """`send`, that says of what is not here where it may be."""

    def __init__(self, send: Send, elsewhere: Mapping[str, str]) -> None:
        self._send = send
        self._elsewhere = elsewhere
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_missing(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = _with(self._body, self._elsewhere)
        kept = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
        self._start["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _is_missing(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == HTTPStatus.NOT_FOUND and kinds == [PROBLEM.encode()]


def _with(body: bytes, elsewhere: Mapping[str, str]) -> bytes:
    document: dict[str, Any] = json.loads(body)
    document["detail"] = f"{document['detail']}, at the site {elsewhere['site']}"
    return json.dumps(document | {"try": elsewhere["try"]}).encode()


def _named(body: bytes, fields: Collection[str]) -> list[str]:
    try:
        document = json.loads(body)
        every = [document.get(field) for field in fields]
    except (ValueError, RecursionError, AttributeError):
        return []  # the route says what is wrong with it
    names = [name for one in every for name in (one if isinstance(one, list) else [one])]
    return [name for name in names if isinstance(name, str)]
