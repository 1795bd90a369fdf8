"""When to try again: exponential with full jitter, so that a fleet does not return as one."""

from __future__ import annotations

import random
from typing import Final

FIRST: Final = 0.2
"""Seconds: a broker that restarts is back within one."""

LONGEST: Final = 30.0
"""Seconds: long enough to be gentle, short enough that nobody waits for a link."""


def delay(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (0 is the first retry)."""
    ceiling = min(LONGEST, FIRST * 2 ** min(attempt, 16))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, no secret
