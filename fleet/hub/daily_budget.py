"""How much of one agent is stored in a day: a flood of valid messages must not fill the disk."""

from __future__ import annotations

from typing import Final

from fleet.domain.events import Event, Fact

DAY: Final = 86_400.0

NEWS: Final = 2
"""Times the budget, for states and alerts: they are stored while heartbeats no longer are."""


class DailyBudget:
    """Counts bytes by agent. A day begins at midnight UTC, and anew with each start of the hub.

    Args:
        limit: bytes an agent and day.
    """

    def __init__(self, limit: float = float("inf")) -> None:
        self._limit = limit
        self._day = 0
        self._spent: dict[str, int] = {}
        self._told: set[str] = set()

    @property
    def over(self) -> frozenset[str]:
        """Of whom something is not stored today."""
        return frozenset(self._told)

    def take(self, agent: str, size: int, at: float) -> bool:
        """Whether a heartbeat of `size` bytes is to be stored at `at` (s since the epoch).
        What is stored counts."""
        return self._spend(agent, size, at, self._limit)

    def take_news(self, agent: str, size: int, at: float) -> bool:
        """The same for a state or an alert."""
        return self._spend(agent, size, at, self._limit * NEWS)

    def news(self, agent: str, at: float) -> list[Event]:
        """What there is to tell where something is not stored: once an agent and day."""
        if agent in self._told:
            return []
        self._told.add(agent)
        return [Event(Fact.OVER_BUDGET, agent, at, amount=float(self._spent.get(agent, 0)))]

    def _spend(self, agent: str, size: int, at: float, limit: float) -> bool:
        if (day := int(at // DAY)) != self._day:
            self._day = day
            self._spent.clear()
            self._told.clear()
        spent = self._spent.get(agent, 0) + size
        if spent > limit:
            return False
        self._spent[agent] = spent
        return True
