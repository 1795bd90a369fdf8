"""Whether the other agent's endpoint answers: seen from here, a second source for the hub."""

from __future__ import annotations

import http.client
from typing import Final
from urllib.parse import urlsplit

TIMEOUT: Final = 2.0
"""Seconds for connecting, and for each read."""

MISSES: Final = 2
"""Times in a row without an answer that count: one may be lost."""


class PeerProbe:
    """Asks one address. `up` is what it found; None: nothing yet."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._missed = 0
        self.up: bool | None = None

    def look(self) -> bool:
        """Ask once; whether `up` is another than before."""
        before = self.up
        self._missed = 0 if self._answers() else self._missed + 1
        if self._missed == 0 or self._missed >= MISSES:
            self.up = self._missed == 0
        return self.up is not before

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", self._path)
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
