"""One GET of a small document, over TCP, TLS or a Unix socket, within one deadline for all of it.

`http.client` bounds each read only, so that a server which drips a byte a second holds a probe
for hours; and it costs 6 MB of the 28 that a sidecar may use (measured).
"""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.host_name import for_socket

MAX_ANSWER: Final = 1024 * 1024
"""Bytes; health documents are far smaller, Docker's of a container some tens of KiB."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |$)")


class BadAnswer(OSError):
    """The answer is not HTTP, or larger than it may be."""


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """Where to ask: a Unix socket at `path`, else `host` and `port`; both as one `Host` header."""

    host: str
    port: int = 80
    secure: bool = False
    path: str = ""

    @property
    def header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.path or self.port == (443 if self.secure else 80)
        return host if usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; `kind` is its content type."""

    status: int
    kind: str
    body: bytes

    def document(self) -> dict[str, Any] | None:
        """The JSON object, or None where the answer is anything else, whatever its status."""
        if self.kind != "application/json":
            return None
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


def get(address: HttpAddress, target: str, timeout: float) -> HttpResponse:
    """The answer to `GET target`, with `timeout` seconds for all of it. No redirect, no proxy.

    Raises:
        OSError: no connection, no whole answer in time, or one that is not HTTP.
    """
    deadline = time.monotonic() + timeout
    # 1.0, so that the answer ends with the connection and is never chunked.
    request = (
        f"GET {target} HTTP/1.0\r\nHost: {address.header}\r\nAccept: application/json\r\n"
        "Connection: close\r\n\r\n"
    )
    with _connect(address, timeout) as connection:
        _until(connection, deadline)
        connection.sendall(request.encode("ascii"))
        return _read(connection, deadline)


def listens(address: HttpAddress, timeout: float) -> bool:
    """Whether a connection is taken; the system takes it, even for a process that hangs."""
    try:
        socket.create_connection((for_socket(address.host), address.port), timeout).close()
    except OSError:
        return False
    return True


def _connect(address: HttpAddress, timeout: float) -> socket.socket:
    if address.path:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(address.path)
        except BaseException:
            connection.close()
            raise
        return connection
    connection = socket.create_connection((for_socket(address.host), address.port), timeout)
    if not address.secure:
        return connection
    import ssl

    try:
        context = ssl.create_default_context()
        return context.wrap_socket(connection, server_hostname=for_socket(address.host))
    except BaseException:
        connection.close()
        raise


def _read(connection: socket.socket, deadline: float) -> HttpResponse:
    received = bytearray()
    length: int | None = None
    while length is None or len(received) < length:
        _until(connection, deadline)
        piece = connection.recv(65_536)
        if not piece:
            break
        received += piece
        if len(received) > MAX_ANSWER:
            raise BadAnswer("too large")
        if length is None:
            length = _length(received)
    if length is not None and len(received) < length:
        raise BadAnswer("cut short")
    return _parse(bytes(received))


def _length(received: bytearray) -> int | None:
    """Bytes of head and body together, once the head is there and says so."""
    head, found, _ = bytes(received[:65_536]).partition(b"\r\n\r\n")
    size = _headers(head).get("content-length", "") if found else ""
    return len(head) + 4 + int(size) if size.isdecimal() and len(size) < 10 else None


def _parse(received: bytes) -> HttpResponse:
    head, found, body = received.partition(b"\r\n\r\n")
    status = _STATUS.match(head)
    if not found or status is None:
        raise BadAnswer("not HTTP")
    kind = _headers(head).get("content-type", "").partition(";")[0].strip().lower()
    return HttpResponse(int(status[1]), kind, body)


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _until(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
