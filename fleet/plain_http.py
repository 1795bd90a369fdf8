"""One request and its answer in plain HTTP, as a command asks the hub of its own machine.

`urllib.request` does the same, and loads `http.client`, `email` and OpenSSL for it, which takes
longer than all the rest of a command that asks each minute. HTTP/1.0, so that the answer ends with
its connection and is never in chunks. No redirect, no proxy, no TLS: for these is `hub_requests`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fleet.contract.host_name import for_socket

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_MAX_HEAD: Final = 65_536
_BLOCK: Final = 256 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?= |$)")


class NotHttpError(ValueError):
    """What came is no answer of HTTP, or more than one may be; or what was to be sent is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def suits(url: str) -> bool:
    """Whether the server at `url` can be asked so."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def ask(
    url: str, method: str, path: str, token: str, body: bytes | None, *, timeout: float, most: int
) -> Answer:
    """
    Args:
        path: behind the address of the server; with its query.
        timeout: seconds without a byte after which nobody waits any longer.
        most: bytes of the answer's body.

    Raises:
        OSError: there is no link, or it broke.
        NotHttpError: what answers speaks no HTTP, or its answer has no end.
    """
    parts = urlsplit(url)
    size = "" if body is None else f"Content-Length: {len(body)}\r\n"
    lines = (
        f"{method} {parts.path}{path} HTTP/1.0", f"Host: {parts.netloc}",
        f"Authorization: Bearer {token}", "Content-Type: application/json",
    )  # fmt: skip
    if not (all(line.isascii() and line.isprintable() for line in lines) and " " not in path):
        raise NotHttpError("what is asked cannot be sent")
    head = "".join(f"{line}\r\n" for line in lines) + size
    host = for_socket(parts.hostname or "")
    with socket.create_connection((host, parts.port or 80), timeout) as link:
        link.sendall(f"{head}\r\n".encode("ascii") + (body or b""))
        return _read(link, most)


def _read(link: socket.socket, most: int) -> Answer:
    received = bytearray()
    while b"\r\n\r\n" not in received:
        piece = link.recv(_BLOCK)
        if not piece and not received:
            raise ConnectionResetError("Remote end closed connection without response")
        if not piece or len(received) > _MAX_HEAD:
            raise NotHttpError("BadStatusLine")
        received += piece
    start, _, body = received.partition(b"\r\n\r\n")
    status = _STATUS.match(start.partition(b"\r\n")[0])
    if status is None:
        raise NotHttpError("BadStatusLine")
    headers = _headers(bytes(start))
    if "transfer-encoding" in headers:
        raise NotHttpError("it answers in chunks who cannot read them")
    length = _length(headers)
    while len(body) <= most and (length is None or len(body) < length):
        piece = link.recv(_BLOCK)
        if not piece:
            break
        body += piece
    if len(body) > most:
        raise NotHttpError(f"its answer is larger than {most // 2**20} MiB")
    if length is not None and len(body) < length:
        raise ConnectionResetError("its answer was cut short")
    return Answer(int(status[1]), headers, bytes(body[:length]))


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def _length(headers: Mapping[str, str]) -> int | None:
    """None: the body ends with the connection."""
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 16 else None
