"""MCP over streamable HTTP, for bearers of a token: viewers look, operators may do the rest."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.http.auth import OPERATORS, READERS, Authenticator
from fleet.http.connections import most_connections
from fleet.http.listeners import Listeners
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.http.problems import HttpProblem
from fleet.http.revocations import Revocations, answer_until
from fleet.http.server import bind
from fleet.http.server import serve as serve_http
from fleet.http.service import HttpService
from fleet.mcp.bearer import borne_by
from fleet.provisioning.https import ServerCertificate
from fleet.settings import Settings
from fleet.tokens import Principal, Tokens


class BearersOnly:
    """ASGI middleware: no token of the right role, no tools; a stream ends with its token.

    Whatever is open counts: a stream lasts, and what a tool does takes seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        revocations: Revocations,
        *,
        operators_only: bool,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._revocations = revocations
        self._open = Listeners(most_connections() // 2)
        self._roles = OPERATORS if operators_only else READERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            principal = self._admitted(Request(scope))
            self._open.check(principal.id)
        except HttpProblem as problem:
            await problem.response()(scope, receive, send)
            return
        with (
            self._open.listening(principal.id),
            self._revocations.watch(principal.id) as revoked,
            borne_by(principal),
        ):
            await answer_until(revoked, self._app, scope, receive, send)

    def _admitted(self, request: Request) -> Principal:
        principal = self._authenticator.principal(request)
        if principal.role in self._roles:
            return principal
        raise HttpProblem(HTTPStatus.FORBIDDEN, "this role may not use these tools")


async def serve(
    server: MCPServer,
    settings: Settings,
    host: str,
    port: int,
    *,
    operators_only: bool,
    certificate: ServerCertificate | None = None,
) -> None:
    """Serve until a signal ends it; without `certificate` by plain HTTP.

    Raises:
        ConfigError: the address is not free, or the table `[http_service]` is not usable.
    """
    service = HttpService.of(settings)
    # Every tool answers its own request, so nothing is kept between two: each `initialize` would
    # open a session, and of those only all together have a bound.
    app: ASGIApp = server.streamable_http_app(host=host, stateless_http=True)
    tokens = Tokens(settings.home)
    revocations = Revocations(tokens.ids)
    bearers = BearersOnly(app, Authenticator(tokens), revocations, operators_only=operators_only)
    known = frozenset(certificate.names) if certificate else frozenset[str]()
    guarded = HttpGuard(bearers, known | LOOPBACK | {host} | service.hosts)
    taken = bind(host, port, "--http ")
    tls = certificate.context if certificate else None
    serving = serve_http(guarded, taken, service, lifespan=True, signals=True, tls=tls)
    renewing = asyncio.create_task(certificate.run()) if certificate else None
    try:
        await revocations.beside(serving)
    finally:
        if renewing is not None:
            renewing.cancel()
