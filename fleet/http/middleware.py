"""What every request passes before a route sees it: host, origin, size, headers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
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
        uploads: where a `PUT` brings content → bytes of it, beyond `MAX_BODY`; such a route streams
            what it takes, and looks at who asks before it does.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        uploads: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most(scope)
        problem = self._refusal(Headers(scope=scope), most)
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
            await self._app(scope, _limited(receive, most), send_with_headers)
        except HttpProblem as refused:
            if started:
                raise
            await refused.response()(scope, receive, send_with_headers)

    def _most(self, scope: Scope) -> int:
        """Bytes that the body of this request may have."""
        if scope["method"] == "PUT":
            for path, most in self._uploads.items():
                if scope["path"].startswith(path):
                    return most
        return MAX_BODY

    def _refusal(self, headers: Headers, most: int = MAX_BODY) -> HttpProblem | None:
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
        if not length.isdecimal() or len(length) > 12 or int(length) > most:
            return _too_large(most)
        return None


def _limited(receive: Receive, most: int) -> Receive:
    """`receive` that refuses a body beyond `most` bytes, also one without a declared length."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return limited


def _too_large(most: int) -> HttpProblem:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    remedy = "" if most == MAX_BODY else "blob_mb under [work] in fleet.toml"
    return HttpProblem(status, f"the body is larger than {most} bytes", remedy)


def _name(host: str) -> str:
    """The name in a Host header: `[::1]:80` → `::1`, `localhost:80` → `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
