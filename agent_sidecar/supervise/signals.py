"""Waiting for signals: none is lost or doubled between two waits."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_PASSED_ON: Final = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH", "CONT")


@contextmanager
def awaited_signals() -> Iterator[Callable[[float], list[int]]]:
    """A wait of so many seconds, which gives the numbers that arrived."""
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    numbers = [signal.SIGCHLD, *(getattr(signal, f"SIG{name}") for name in _PASSED_ON)]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup: neither we nor the agent care
        numbers.remove(signal.SIGHUP)
    before = {number: signal.signal(number, _noted) for number in numbers}
    old = signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def arrived(seconds: float) -> list[int]:
        select.select([read], [], [], seconds)
        with suppress(BlockingIOError):
            return list(os.read(read, 4096))
        return []

    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler in Python makes the C one write the number to the wake-up descriptor."""
