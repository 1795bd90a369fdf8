"""The time by which what is stored is too old: it never goes by leaps.

Where the hub's time leaps ahead, as after an absence or where a wrong clock was believed, what is
kept for two weeks goes no sooner than after two weeks of service: at each moment at most as much
falls due as would have without the leap.
"""

from __future__ import annotations

from typing import Any, Final

DAY: Final = 86_400.0

LEAP: Final = 3_600.0
"""Seconds from which on a leap counts: a restart takes less."""

MAX_LEAPS: Final = 64
"""Leaps that are told apart; beyond it the oldest two are one."""


class RetentionClock:
    """Knows how long the hub has served, and when its time leapt. Times are s since the epoch."""

    def __init__(self) -> None:
        self.served = 0.0
        """Seconds of service in all, on this home."""
        self.leaps: list[tuple[float, float]] = []
        """Seconds that the hub's time leapt by, and after how many of service."""
        self._looked: float | None = None
        self._believed = True

    def look(self, ticks: float, *, believed: bool) -> None:
        """Count service by the monotonic clock (`ticks`, in s); `believed`: whether the machine's
        clock is."""
        if self._looked is not None:
            self.served += max(0.0, ticks - self._looked)
        self._looked, self._believed = ticks, believed

    def leap(self, by: float) -> None:
        """The hub's time leapt by so many seconds."""
        if abs(by) < LEAP:
            return
        self.leaps.append((by, self.served))
        while len(self.leaps) > MAX_LEAPS:
            (first, _), (second, at) = self.leaps[:2]
            self.leaps[:2] = [(first + second, at)]

    def trust(self) -> None:
        """A person vouches for the clock: what is too old by it, is."""
        self.leaps.clear()

    def time_for(self, keep: float, now: float) -> float:
        """The time by which what is kept for `keep` days is judged at `now`; 0.0, by which nothing
        is too old, while the clock is in doubt."""
        if not self._believed:
            return 0.0
        lag = 0.0
        for by, at in self.leaps:
            if self.served - at < keep * DAY:
                lag = max(0.0, lag + by)
        return now - lag

    # Keeping

    def dump(self) -> dict[str, Any]:
        """JSON form."""
        return {"served": self.served, "leaps": [list(leap) for leap in self.leaps]}

    def load(self, data: dict[str, Any]) -> None:
        """What `dump` gave.

        Raises:
            KeyError, TypeError, ValueError: it is nothing of the kind; nothing is changed.
        """
        served = float(data["served"])
        leaps = [(float(by), float(at)) for by, at in data["leaps"][:MAX_LEAPS]]
        self.served, self.leaps = served, leaps
