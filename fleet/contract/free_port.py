"""A port that is free, for a remedy that works when it is followed."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

MOST: Final = 100
"""Ports that are looked at."""


def free_port_after(port: int, host: str) -> int:
    """The next one above `port` on which this machine may listen now; one of the kernel's choice
    where there is none near."""
    for candidate in (*range(port + 1, min(port + 1 + MOST, 65_536)), 0):
        with contextlib.suppress(OSError), socket.socket(_family(host)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, candidate))
            found: int = probe.getsockname()[1]
            return found
    return port + 1  # it cannot be told


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
