"""What may block, done in a thread, one thing at a time; its owner deals with what it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

Outcome = Callable[[float], None]
"""Deals with an answer at a moment (monotonic s), in the owner's thread."""


class InThread:
    """`wake` is called from the thread, once it is done."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._outcome: Outcome | None = None
        self.busy = False

    def start(self, work: Callable[[], Outcome]) -> None:
        """Do `work`; the next `finish` deals with what it answers."""
        self.busy = True

        def run() -> None:
            self._outcome = work()
            self._wake()

        threading.Thread(target=run, name="connect", daemon=True).start()

    def finish(self, now: float) -> None:
        """Deal with the answer, if it is there."""
        outcome = self._outcome
        if outcome is not None:
            self.busy, self._outcome = False, None
            outcome(now)
