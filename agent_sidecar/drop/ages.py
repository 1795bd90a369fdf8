"""How long a message may have waited in the drop directory and still be news; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.limits import STALE_AFTER
from fleet.contract.vocabulary import MessageKind

OLDEST: Final = 86_400.0
"""Seconds after which a status or alert is no news: whoever looked after the agent since then has
seen for himself, and a state of yesterday would stand in the place of today's."""


def oldest_of(kind: MessageKind, message: Mapping[str, Any], interval: float) -> float:
    """Seconds that `message` may have waited. A heartbeat may as long as it would keep its agent
    from being stale: 2.5 times its own `interval` (s), where that is longer than the sidecar's."""
    if kind is not MessageKind.HEARTBEAT:
        return OLDEST
    return STALE_AFTER * max(interval, float(message.get("interval", 0)))


def age_text(seconds: float) -> str:
    """`90 s`, `12 min`, `3 h`, `4 days`."""
    for unit, length, least in (("days", 86_400, 2), ("h", 3600, 2), ("min", 60, 2)):
        if seconds >= least * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
