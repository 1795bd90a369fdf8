"""One request to the hub and its answer, with bodies from and to files, within deadlines.

Like the probes' `http`, and for the same reason, without `http.client`: that one bounds each read
only, and loads OpenSSL for plain HTTP too. No redirect, no proxy: a token goes where it was meant.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fleet.contract.errors import ConfigError
from fleet.contract.host_name import for_socket
from fleet.contract.web_address import is_web_address, refuse_login

MAX_ANSWER: Final = 4 * 1024 * 1024
"""Bytes of an answer that is kept in memory: a board of 1,000 entries has 400 KiB."""

PATIENCE: Final = 10.0
"""Seconds for a request without content; a hub answers in a few milliseconds."""

SLOWEST: Final = 32 * 1024
"""Bytes a second that content must come and go at: what the hub asks for, too."""

_ENDED: Final = frozenset(
    {"BrokenPipeError", "ConnectionResetError", "SSLEOFError", "SSLZeroReturnError"}
)
"""What it is to the sender that the other side closed; by name, for plain HTTP loads no OpenSSL."""

_BLOCK: Final = 256 * 1024
_MAX_HEAD: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |$)")
_LOCAL: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


class NotAnswered(OSError):
    """The answer is not HTTP, cut short, or larger than it may be."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the hub is. `ca`: its certificate authority; None: the system's."""

    host: str
    port: int
    secure: bool
    ca: Path | None = None

    @classmethod
    def parse(cls, text: str, ca: Path | None, *, plain_http: bool) -> Address:
        """
        Raises:
            ConfigError: it is no address, or a token would travel in the open.
        """
        example = "FLEET_HUB=https://hub.example:8443"
        refuse_login(text, "FLEET_HUB", example)
        if not is_web_address(text) or urlsplit(text).path not in ("", "/"):
            raise ConfigError(
                f"FLEET_HUB={text!r} is not usable", "no https://HOST[:PORT]", example
            )
        parts = urlsplit(text)
        host, secure = parts.hostname or "", parts.scheme == "https"
        if not (secure or plain_http or _LOCAL.fullmatch(host)):
            raise ConfigError(
                f"no work is asked for at {text}",
                "without TLS the agent's token and all content travel in the open",
                f"{example}, or plain_http = true in the work file",
            )
        return cls(host, parts.port or (443 if secure else 80), secure, ca)

    @property
    def header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is empty where it was written elsewhere."""

    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """The JSON object; empty where it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Source:
    """A file of `size` bytes as a body. `begin`: from where on, which is told, so that the hub
    keeps what came if the link breaks; `size`: nothing of it, to ask where to go on."""

    handle: int
    size: int
    begin: int | None = None

    @property
    def length(self) -> int:
        return self.size - (self.begin or 0)

    @property
    def header(self) -> str:
        if self.begin is None:
            return ""
        part = f"{self.begin}-{self.size - 1}" if self.length else "*"
        return f"Content-Range: bytes {part}/{self.size}\r\n"


def ask(
    address: Address,
    method: str,
    target: str,
    token: str,
    body: bytes | None = None,
    source: Source | None = None,
    into: Callable[[bytes], None] | None = None,
    most: int = MAX_ANSWER,
) -> Answer:
    """The answer to one request.

    Args:
        source: a file that is the body, or the rest of which is.
        into: takes the body of an answer of status 200, piece by piece, up to `most` bytes.

    Raises:
        OSError: no connection, no whole answer in time, or one that is not HTTP.
    """
    size = source.length if source else len(body or b"")
    deadline = time.monotonic() + PATIENCE + (size + (most if into else 0)) / SLOWEST
    kind = "application/octet-stream" if source else "application/json"
    head = (
        f"{method} {target} HTTP/1.0\r\nHost: {address.header}\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
    )
    head += f"{source.header}\r\n" if source else "\r\n"
    with _connect(address) as connection:
        _until(connection, deadline)
        try:
            connection.sendall(head.encode("ascii") + (body or b""))
            if source:
                _send_file(connection, source, deadline)
        except OSError as error:
            if type(error).__name__ not in _ENDED:
                raise  # else it was refused before the end: the answer may have come already
        return _read(connection, deadline, into, most)


def _send_file(connection: socket.socket, source: Source, deadline: float) -> None:
    at = source.size - source.length
    while at < source.size:
        _until(connection, deadline)
        piece = os.pread(source.handle, min(_BLOCK, source.size - at), at)
        if not piece:
            raise NotAnswered("the file became shorter while it was sent")
        connection.sendall(piece)
        at += len(piece)


def _connect(address: Address) -> socket.socket:
    host = for_socket(address.host)
    connection = socket.create_connection((host, address.port), PATIENCE)
    if not address.secure:
        return connection
    import ssl  # costs memory, and only TLS needs it

    try:
        context = ssl.create_default_context(cafile=address.ca)
        return context.wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _read(
    connection: socket.socket, deadline: float, into: Callable[[bytes], None] | None, most: int
) -> Answer:
    received = bytearray()
    while b"\r\n\r\n" not in received:
        if not (piece := _receive(connection, deadline)) or len(received) > _MAX_HEAD:
            raise NotAnswered("not HTTP")
        received += piece
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    status = _STATUS.match(head)
    if status is None:
        raise NotAnswered("not HTTP")
    length = _length(head)
    code, body, count = int(status[1]), bytearray(), 0
    take = into if into and code == 200 else body.extend
    bound = most if into and code == 200 else MAX_ANSWER
    piece = rest
    while True:
        count += len(piece)
        if count > bound:
            raise NotAnswered("the answer is too large")
        take(piece)
        if length is not None and count >= length:
            break
        if not (piece := _receive(connection, deadline)):
            break
    if length is not None and count != length:
        raise NotAnswered("the answer was cut short")
    return Answer(code, bytes(body))


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value[:16])
    return None


def _receive(connection: socket.socket, deadline: float) -> bytes:
    _until(connection, deadline)
    return connection.recv(_BLOCK)


def _until(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(110, "no answer in time")
    connection.settimeout(min(left, 3 * PATIENCE))
