"""Who is told what becomes of the connection to the broker, and what is counted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Observer(Protocol):
    """Who is told what becomes of the connection, always in the owner's thread."""

    def link_up(self, now: float, window: int, /) -> None:
        """Connected; the broker takes `window` unacknowledged publishes."""
        ...

    def link_down(self) -> None: ...

    def acked(self, mid: int) -> None:
        """The broker has answered for `mid`; a refusal is counted here."""
        ...


OnMessage = Callable[[str, bytes, bool, float], None]
"""Takes (topic, payload, retain, now) of each message that comes in; now is monotonic s."""


@dataclass(slots=True)
class ConnectionCounters:
    """What happened on the link since the start."""

    attempts: int = 0
    connects: int = 0
    denied: int = 0
    set_aside: int = 0
    refused_filters: int = 0
    unasked: int = 0
    beside: int = 0
