"""Which of several brokers to try next, and when to go back to the first.

The next one's turn comes when a connect fails or a link is lost, in the order of the setting. The
first is preferred: a fleet that stayed apart would need the bridge for every message. But who runs
back at the first sign of it goes to and fro with it, so it must have been well for minutes, look by
look, and for longer each time that a return did not last.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from fleet.contract.backoff import Backoff

LOOK: Final = 60.0
"""Seconds between looks at the first broker while we are at another; up to a quarter less or more,
so that a fleet does not look as one."""

WELL, LONGEST_WELL = 300.0, 3600.0
"""Seconds for which every look must have found the first well before we go back to it, at first
and at most; up to half of it less, so that a fleet does not return as one."""

LASTING: Final = 600.0
"""Seconds at the first after which a return has lasted."""


class BrokerChoice:
    """Decides for one client; times are monotonic s.

    Args:
        count: how many brokers there are.

    Attributes:
        at: the index of the one to use.
    """

    def __init__(self, count: int, chance: Callable[[], float] = random.random) -> None:
        self._count = count
        self._chance = chance
        self._well_since: float | None = None
        self._next_look = 0.0
        self._waits = Backoff(WELL, LONGEST_WELL, steady=LASTING, chance=chance)
        self._needed = 0.0
        self._was_up = False
        self.at = 0

    @property
    def is_first(self) -> bool:
        return self.at == 0

    def failed(self, now: float) -> None:
        """No link came about, or one was lost: the next one's turn."""
        if self._count == 1:
            return
        if self.is_first and (self._was_up or not self._needed):
            # One that stays away was judged when it went.
            self._needed, self._was_up = self._waits.failed(now), False
        self.at = (self.at + 1) % self._count
        self._look_later(now)
        self._well_since = None

    def up(self, now: float) -> None:
        """A link came about."""
        if self.is_first:
            self._was_up = True
            self._waits.good(now)

    def look_due(self) -> float:
        """When to look at the first; never while we are there."""
        return float("inf") if self.is_first else self._next_look

    def looked(self, now: float, *, well: bool) -> bool:
        """What a look showed; whether to go back now."""
        self._look_later(now)
        if not well:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = now
        return self._well_since is not None and now - self._well_since >= self._needed

    def returned(self) -> None:
        """We go back to the first."""
        self.at, self._well_since = 0, None

    def stay(self, now: float) -> None:
        """The first did not let us in: it is not well, and we are at another still."""
        self._well_since = None
        self._needed = self._waits.failed(now)
        self._look_later(now)

    def _look_later(self, now: float) -> None:
        self._next_look = now + LOOK * (0.75 + 0.5 * self._chance())
