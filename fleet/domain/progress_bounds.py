"""How much an agent may say of its tasks in a day, and the counting of it (ADR-0017, ADR-0022).

A day is one of UTC. What was offered to an agent it may tell of, percent by percent; beside that
it has a bound of its own, so that a worker that is busy takes nothing from states and alerts.
"""

from __future__ import annotations

from typing import Final

DAY: Final = 86_400.0

A_TASK: Final = 128
"""Messages of progress for each task that was offered: a hundred percents, and a few attempts."""

BITS_A_TASK: Final = 10_000
"""Bits of those: a hundred that say the same but for percent, time and number, at 80 to 100."""


class ProgressCounts:
    """What one agent said of its tasks today."""

    __slots__ = ("_day", "offered", "said")

    def __init__(self) -> None:
        self._day = -1
        self.said = self.offered = 0

    def offer(self, at: float) -> None:
        """A task was offered to it at `at` (s since the epoch)."""
        self._begin(at)
        self.offered += 1

    def is_too_much(self, at: float, limit: int) -> bool:
        """Whether one more message is beyond the day's; `limit` is what needs no offer. Else it is
        counted."""
        self._begin(at)
        if self.said >= limit + A_TASK * self.offered:
            return True
        self.said += 1
        return False

    def _begin(self, at: float) -> None:
        day = int(at // DAY)
        if day != self._day:
            self._day, self.said, self.offered = day, 0, 0
