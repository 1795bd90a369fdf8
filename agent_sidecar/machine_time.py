"""A clock that runs forward only, and on while the machine sleeps; nobody can set it.

It begins anew with each start of the machine, so a moment is worth nothing without `boot_id`.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds."""
    return time.clock_gettime(_CLOCK)


@cache
def boot_id() -> str:
    """Which start of the machine this is; empty where it does not say, as not on Linux."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
