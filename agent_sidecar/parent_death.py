"""A child that ends with its parent, however that ends (Linux)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def parent_death_signal() -> Callable[[], None]:
    """What a child calls to be killed when this process ends.

    The kernel means the thread that forked, and we have one only. A program that changes its user
    (sudo, a set-user-id bit) loses it.
    """
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def end_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL.value, 0, 0, 0)
        if os.getppid() != parent:  # it died before
            os._exit(127)

    return end_with_parent
