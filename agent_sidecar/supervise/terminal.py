"""The terminal, where there is one: whose it is, and whether it has been closed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


class Terminal:
    """The controlling terminal of this process, as it was at the start."""

    def __init__(self) -> None:
        self._had = _has_one()

    def closed(self) -> bool:
        """Whether it was there and is gone."""
        return self._had and not _has_one()

    def give(self, group: int) -> None:
        """To the agent's process group, if it is ours: else reading from it would stop it."""
        _hand_over(os.getpgrp(), group)

    def take_back(self, group: int) -> None:
        """When that group has ended: else Ctrl-C would reach nobody."""
        _hand_over(group, os.getpgrp())


def _hand_over(holder: int, group: int) -> None:
    with suppress(OSError):
        if os.isatty(0) and os.tcgetpgrp(0) == holder:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
            try:
                os.tcsetpgrp(0, group)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _has_one() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
