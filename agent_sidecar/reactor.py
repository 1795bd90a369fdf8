"""The one place where the sidecar sleeps: a poll over descriptors that anything may interrupt."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress


class Reactor:
    """Waits for descriptors, for a wake-up from any thread or signal, or for a moment."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._poll = select.poll()
        self._registered: dict[int, int] = {}
        self._calls: deque[Callable[[], None]] = deque()

    @property
    def wake_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`: a signal then interrupts the wait."""
        return self._write

    def wake(self) -> None:
        """Interrupt the wait, from any thread."""
        with suppress(OSError):  # full: it is awake; closed: it is over
            os.write(self._write, b"\0")

    def call(self, function: Callable[[], None]) -> None:
        """Have `function` called in the thread that waits; from any thread."""
        self._calls.append(function)
        self.wake()

    def wait(self, seconds: float, readable: Iterable[int], writable: int = -1) -> set[int]:
        """Descriptors that are ready, after at most `seconds`; runs what `call` was given."""
        wanted = dict.fromkeys((self._read, *readable), select.POLLIN)
        if writable >= 0:
            wanted[writable] = wanted.get(writable, 0) | select.POLLOUT
        self._register(wanted)
        # Rounded up: a poll that ends just before the moment would spin until it.
        ready = {found for found, _ in self._poll.poll(max(0.0, seconds) * 1000 + 1)}
        if self._read in ready:
            ready.discard(self._read)
            with suppress(BlockingIOError):
                os.read(self._read, 4096)
        while self._calls:
            self._calls.popleft()()
        return ready

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)

    def _register(self, wanted: dict[int, int]) -> None:
        for known in set(self._registered) - set(wanted):
            self._poll.unregister(known)
        for descriptor, events in wanted.items():
            if self._registered.get(descriptor) != events:
                self._poll.register(descriptor, events)
        self._registered = wanted
