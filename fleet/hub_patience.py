"""How long whoever asks a hub waits for it."""

from __future__ import annotations

import time
from typing import Final

from fleet.contract.backoff import Backoff

TIMEOUT: Final = 10.0
"""Seconds; the hub answers on loopback in milliseconds."""

FIRST_PAUSE, LAST_PAUSE = 0.2, 2.0
"""Seconds beyond what a busy hub asks for: all whom it told the same come back apart."""


class Patience:
    """How long to wait before a hub that has too much to do is asked again."""

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT
        self._backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)

    def wait(self, asked: float) -> float | None:
        """Seconds, `asked` of them by the hub; None: that would be too long."""
        now = time.monotonic()
        seconds = self._backoff.failed(now, at_least=asked)
        return seconds if now + seconds <= self._end else None
