"""The name of a host as sockets take it."""

from __future__ import annotations

from typing import Any


def for_socket(host: str) -> Any:
    """`host` for the resolver, or for TLS: as bytes where it is ASCII, which Python's sockets take
    as they are. For text Python first loads `encodings.idna` with tables of all Unicode: 1.3 MiB of
    a sidecar, and a twentieth of a command's start."""
    return host.encode("ascii") if host.isascii() else host
