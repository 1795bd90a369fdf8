"""What every request passes before a route sees it: host, origin, size, headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.http.problems import HttpProblem

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names of this machine, which every hub answers to."""

MAX_BODY: Final = 16 * 1024
"""Bytes of a request body: a payload of 4 KiB with room for its envelope."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""No inline script, no foreign source, nothing kept by a shared cache."""


class HttpGuard:
    """ASGI middleware. A page on another site must not reach a hub on loopback: its requests
    carry that site's Origin, or (DNS rebinding) its Host, and both are checked here.

    Args:
        hosts: accepted names of the Host header, without port.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._refusal(Headers(scope=scope))
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if problem is not None:
            await problem.response()(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, _limited(receive), send_with_headers)
        except HttpProblem as refused:
            if started:
                raise
            await refused.response()(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> HttpProblem | None:
        host = _name(headers.get("host", ""))
        if host not in self._hosts:
            return HttpProblem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this host name is not served here",
                'ask by the address the hub is bound to, or hosts = ["NAME"] under [http_service]',
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            return HttpProblem(HTTPStatus.FORBIDDEN, "requests from other sites are refused")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return _too_large()
        return None


def _limited(receive: Receive) -> Receive:
    """`receive` that refuses a body beyond `MAX_BODY`, also one without a declared length."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise _too_large()
        return message

    return limited


def _too_large() -> HttpProblem:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HttpProblem(status, f"the body is larger than {MAX_BODY} bytes")


def _name(host: str) -> str:
    """The name in a Host header: `[::1]:80` → `::1`, `localhost:80` → `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
