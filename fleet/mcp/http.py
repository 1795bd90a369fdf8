"""MCP over streamable HTTP, for bearers of a token: viewers read, operators may send verbs."""

from __future__ import annotations

from http import HTTPStatus

from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.http.auth import OPERATORS, READERS, Authenticator
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.http.problems import HttpProblem
from fleet.http.server import bind
from fleet.http.server import serve as serve_http
from fleet.http.service import HttpService
from fleet.settings import Settings
from fleet.tokens import Tokens


class BearersOnly:
    """ASGI middleware: no token of the right role, no tools."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, *, allow_commands: bool) -> None:
        self._app = app
        self._authenticator = authenticator
        self._roles = OPERATORS if allow_commands else READERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            problem = self._refusal(Request(scope))
            if problem is not None:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> HttpProblem | None:
        try:
            principal = self._authenticator.principal(request)
        except HttpProblem as problem:
            return problem
        if principal.role in self._roles:
            return None
        return HttpProblem(HTTPStatus.FORBIDDEN, "this role may not use these tools")


async def serve(
    server: MCPServer, settings: Settings, host: str, port: int, *, allow_commands: bool
) -> None:
    """Serve until a signal ends it.

    Raises:
        ConfigError: the address is not free, or the table `[http_service]` is not usable.
    """
    service = HttpService.of(settings)
    app: ASGIApp = server.streamable_http_app(host=host)
    authenticator = Authenticator(Tokens(settings.home))
    bearers = BearersOnly(app, authenticator, allow_commands=allow_commands)
    guarded = HttpGuard(bearers, LOOPBACK | {host} | service.hosts)
    taken = bind(host, port, "--http ")
    await serve_http(guarded, taken, service, lifespan=True, signals=True)
