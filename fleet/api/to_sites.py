"""What changes something at another site goes to the hub that leads there, through the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.auth import SessionAuthenticator
from fleet.api.forwarding import Forwarding
from fleet.http.problems import HttpProblem
from fleet.store.shared import RequestOutbox

NAMED: Final[Mapping[str, str]] = {
    "/v1/send": "to",
    "/v1/alerts/ack": "agent",
    "/v1/silences": "agent",
    "/v1/verified": "agent",
}
"""What may be about an agent, and the field that says of whom."""

AGENTS: Final = "/v1/agents/"

SILENCES: Final = "/v1/silences/"


class ToSites:
    """ASGI middleware, outside of `Forwarding`.

    Args:
        site_of: the other site that has an agent, or a silence; empty: this one, or nobody.
        outbox: the way to a site; None: there is no such site.
        own: the site of this hub; `own_token`: as for `Forwarding`.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: SessionAuthenticator,
        site_of: Callable[[str], str],
        outbox: Callable[[str], RequestOutbox | None],
        own: str,
        own_token: Callable[[], str],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._site_of = site_of
        self._outbox = outbox
        self._own = own
        self._own_token = own_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS")
        if reads or not scope["path"].startswith((*NAMED, AGENTS, SILENCES)):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        self._authenticator.principal(request)  # a stranger learns nothing of where agents are
        body = await request.body()
        site = request.query_params.get("site") or self._meant(scope["path"], body)
        if site in ("", self._own):
            await self._app(scope, replayed(body, receive), send)
            return
        outbox = self._outbox(site)
        if outbox is None:
            raise HttpProblem(
                HTTPStatus.NOT_FOUND, f"there is no site {site[:31]}", "GET /v1/sites"
            )
        forwarding = Forwarding(
            self._app, outbox, self._authenticator, lambda: None, lambda: site, _no_link,
            self._own_token,
        )  # fmt: skip
        await forwarding(scope, replayed(body, receive), send)

    def _meant(self, path: str, body: bytes) -> str:
        """The site of whoever a request is about; empty: this one.

        Raises:
            HttpProblem: it is about agents of several sites.
        """
        sites = {self._site_of(name) for name in _subjects(path, body)}
        if len(sites) > 1:
            known = ", ".join(sorted(site or self._own for site in sites))
            raise HttpProblem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"these agents are of several sites: {known}; nothing was done",
                "a request for each site",
            )
        return sites.pop() if sites else ""


def _subjects(path: str, body: bytes) -> list[str]:
    """Agents, or the silence, that a request names."""
    for place in (AGENTS, SILENCES):
        if path.startswith(place):
            return [path.removeprefix(place).partition("/")[0]]
    try:
        document: Any = json.loads(body)
        named = document.get(NAMED[path])
    except (ValueError, RecursionError, KeyError, AttributeError):
        return []  # the route says what is wrong with it
    every = named if isinstance(named, list) else [named]
    return [name for name in every if isinstance(name, str)]


def _no_link(_: str) -> bool:
    return False


def replayed(body: bytes, receive: Receive) -> Receive:
    """The request once more, to whoever reads it now."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
