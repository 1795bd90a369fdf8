"""What an audit counts and remembers while messages go by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fleet.auditor.detection.scanner import Leak
from fleet.auditor.rules.traffic import AgentTraffic
from fleet.contract.topics import Address


@dataclass(slots=True)
class Tally:
    """Counts for the report; what charts and trends are made of."""

    messages: int = 0
    first: float | None = None
    last: float | None = None
    days: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Messages by day (days since the epoch) and agent."""
    shapes: dict[str, set[str]] = field(default_factory=dict)
    """Fields and metrics by agent: what scope creep is told by."""

    def join(self, other: Tally) -> None:
        """Add the counts of another process, which saw other agents."""
        self.messages += other.messages
        for at in (other.first, other.last):
            if at is not None:
                self.widen(at)
        self.days.update(other.days)
        self.shapes.update(other.shapes)

    def widen(self, at: float) -> None:
        """Take a message's time into the period."""
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


@dataclass(frozen=True, slots=True)
class Known:
    """A topic that was met: whose it is, what its name leaks, how it is shown."""

    address: Address
    traffic: AgentTraffic
    leaks: tuple[Leak, ...]
    shown: str
    noted: set[str] = field(default_factory=set)
    """Fields that messages of this topic had."""
    metrics: set[str] = field(default_factory=set)
