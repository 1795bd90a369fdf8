"""When to try again: the one answer for everything here that does.

Waits double from try to try, half of each fixed and half chance, so that a fleet does not return
as one. A success makes the next wait short again only once it has lasted: two who push each other
out, or a service that dies right after its start, succeed all the time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

STEADY: Final = 60.0
"""Seconds that a success must last to count as one."""


class Backoff:
    """Waits for one thing that may fail; times are s on a clock that only goes on.

    Args:
        first, longest: the whole of the first wait, and of any.
        steady: how long a success must last for the next wait to be the first again.
        chance: from 0 to 1, for the half of each wait that is chance.

    Attributes:
        failures: failures in a row, with no lasting success between them.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        *,
        steady: float = STEADY,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._steady = steady
        self._chance = chance
        self._good_since: float | None = None
        self.failures = 0

    def good(self, now: float) -> None:
        """It works, from `now` on if it did not before."""
        if self._good_since is None:
            self._good_since = now

    def lasts(self, now: float) -> bool:
        """Whether it has worked for long enough to count."""
        return self._good_since is not None and now - self._good_since >= self._steady

    def ended(self, now: float) -> None:
        """It does not work any more, and another backoff says what follows."""
        if self.lasts(now):
            self.failures = 0
        self._good_since = None

    def failed(self, now: float, at_least: float = 0.0) -> float:
        """Seconds to wait after a failure at `now`; `at_least` as many as the other side asks for,
        and chance on top, so that not all whom it asked come at once."""
        self.ended(now)
        whole = min(self._longest, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return at_least + whole * (0.5 + 0.5 * self._chance())
