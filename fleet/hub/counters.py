"""What the hub counts: plain numbers, read when somebody scrapes; nothing here does work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

BROKER_DROPPED: Final = "publish/messages/dropped"
"""Where Mosquitto counts what it threw away, below `$SYS/broker/`."""


@dataclass(slots=True)
class Counters:
    """Totals since the start, except where the name says otherwise.

    Attributes:
        received: messages by kind, repetitions included.
        rejected: dead letters by reason.
        facts: what the roster told, by fact (`duplicate`, `gap`, `late-will` …).
        missing: messages that gaps showed to be missing.
        left_out: messages that were applied and not stored: their agent had sent too much that day.
        repeated: redelivered messages without numbers, told by their text.
        commit_seconds: time spent in commits.
        paused: whether intake waits for the store now.
        link_up: whether the broker is connected now.
        broker: the broker's own statistics, by topic below `$SYS/broker/`; it may have none.
        bridges: whether each bridge to another broker is up, by the name it logs in with.
        feed_dropped: events not given to subscribers that were too slow.
    """

    received: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    left_out: int = 0
    repeated: int = 0
    stored: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    commit_failures: int = 0
    receipts: int = 0
    receipts_failed: int = 0
    ticks: int = 0
    tick_seconds: float = 0.0
    paused: bool = False
    link_up: bool = False
    link_losses: int = 0
    broker: dict[str, float] = field(default_factory=dict)
    bridges: dict[str, bool] = field(default_factory=dict)
    feed_dropped: int = 0

    @property
    def broker_dropped(self) -> int | None:
        """Messages the broker says it dropped; None if it does not say."""
        dropped = self.broker.get(BROKER_DROPPED)
        return None if dropped is None else int(dropped)
