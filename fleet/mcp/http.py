"""MCP over streamable HTTP, for bearers of a token: viewers read, operators may send verbs."""

from __future__ import annotations

from http import HTTPStatus

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.api.app import LOOPBACK
from fleet.api.auth import OPERATORS, READERS, Access
from fleet.api.middleware import Guards
from fleet.api.problems import Problem
from fleet.settings import Settings
from fleet.tokens import Tokens


class BearersOnly:
    """ASGI middleware: no token of the right role, no tools."""

    def __init__(self, app: ASGIApp, access: Access, *, allow_commands: bool) -> None:
        self._app = app
        self._access = access
        self._roles = OPERATORS if allow_commands else READERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            problem = self._refusal(Request(scope))
            if problem is not None:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Problem | None:
        try:
            principal = self._access.principal(request)
        except Problem as problem:
            return problem
        if principal.role in self._roles:
            return None
        return Problem(HTTPStatus.FORBIDDEN, "this role may not use these tools")


async def serve(
    server: MCPServer, settings: Settings, host: str, port: int, *, allow_commands: bool
) -> None:
    """Serve until cancelled."""
    app: ASGIApp = server.streamable_http_app(host=host)
    access = Access(Tokens(settings.home))
    guarded = Guards(BearersOnly(app, access, allow_commands=allow_commands), LOOPBACK | {host})
    config = uvicorn.Config(
        guarded, host=host, port=port, log_level="warning", access_log=False, server_header=False
    )
    await uvicorn.Server(config).serve()
