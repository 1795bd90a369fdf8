"""When a child that ended is started again, and how long that waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 60.0
"""Seconds before a restart: doubled with each, so that a crash loop costs little."""

STEADY: Final = 60.0
"""Seconds that a child must have lived for its next restart to be quick again."""


class Restart(StrEnum):
    """When a child that ended is started again."""

    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    NEVER = "never"

    def wanted(self, code: int) -> bool:
        return self is Restart.ALWAYS or (self is Restart.ON_FAILURE and code != 0)


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start; times are s, `jitter` is from 0 to 1."""

    failures: int = 0

    def delay(self, lived: float, jitter: float) -> float:
        """The wait after a life of `lived` s: half of it is fixed, half of it chance."""
        if lived >= STEADY:
            self.failures = 0
        whole = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole * (0.5 + 0.5 * jitter)
