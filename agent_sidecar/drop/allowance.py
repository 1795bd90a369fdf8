"""How much an agent may say by itself through the drop directory (ADR-0017).

Less than the hub tolerates in all, since what the sidecar finds by itself goes there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent_sidecar.token_bucket import TokenBucket
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind, Reason

DAY: Final = 86_400.0

EVENTS: Final = 400
"""States and alerts at once, and as many more in a day: with the sidecar's own below 1,000."""

NAMES: Final = 32
"""Names of metrics that are new, at once and in a day."""

VERSIONS: Final = 6
"""Changes of version strings, at once and in a day."""

BEATS: Final = 50
"""Heartbeats at once; after that one an interval. The rest rides in the sidecar's own."""

KNOWN: Final = 256
"""Names of metrics that are remembered; beyond them each is new."""


class DropAllowance:
    """Times are monotonic s; `interval` is the sidecar's own, in seconds; `events` are states and
    alerts at once, and as many more in a day."""

    def __init__(self, interval: float, events: int = EVENTS) -> None:
        self._beats = TokenBucket(1.0 / interval, BEATS)
        self._events = TokenBucket(events / DAY, events)
        self._names = TokenBucket(NAMES / DAY, NAMES)
        self._versions = TokenBucket(VERSIONS / DAY, VERSIONS)
        self._known: set[str] = set()
        self._said: dict[str, str] = {}

    def check(self, kind: MessageKind, message: Mapping[str, Any], now: float) -> None:
        """
        Raises:
            Rejected: `message` is more than an agent may say.
        """
        new = message.get("metrics", {}).keys() - self._known
        if not self._names.holds(len(new), now):
            raise Rejected(Reason.TOO_OFTEN, "metrics")
        said = {**self._said, **message.get("versions", {})}
        changes = int(bool(self._said) and said != self._said)
        if not self._versions.holds(changes, now):
            raise Rejected(Reason.TOO_OFTEN, "versions")
        if kind is not MessageKind.HEARTBEAT and not self._events.holds(1, now):
            raise Rejected(Reason.TOO_OFTEN)

    def spend(self, kind: MessageKind, message: Mapping[str, Any], now: float) -> None:
        """The message that was checked is taken."""
        new = message.get("metrics", {}).keys() - self._known
        for _ in new:
            self._names.consume(now)
        if len(self._known) + len(new) <= KNOWN:
            self._known |= new
        said = {**self._said, **message.get("versions", {})}
        if self._said and said != self._said:
            self._versions.consume(now)
        self._said = said
        if kind is not MessageKind.HEARTBEAT:
            self._events.consume(now)

    def may_beat(self, now: float) -> bool:
        """Whether a heartbeat of the agent's own goes out by itself; it counts with that."""
        return self._beats.consume(now)
