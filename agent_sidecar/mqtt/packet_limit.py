"""How large a packet the broker takes, so that what cannot pass does not break every link.

A broker of MQTT 5 states its limit, or says on hanging up that a packet was too large. One of
3.1.1 only hangs up: five times in a row on a packet of a size that it never acknowledged.
"""

from __future__ import annotations

from typing import Final

SILENT_LOSSES: Final = 5
"""Links in a row that end while the same large packet is on the way: a flaky network, or another
client that takes the name over, lets one of them through in between."""

FORGET_AFTER: Final = 3600.0
"""Seconds after which what was only guessed is tried again."""

SET_ASIDE: Final = 0
"""Stands for the message id of what was not sent, since it cannot pass; real ids begin at 1."""


class PacketLimit:
    """`most` is the largest packet that passes, in bytes; None: no limit is known."""

    def __init__(self) -> None:
        self._stated: int | None = None
        self._guessed: int | None = None
        self._guessed_at = 0.0
        self._on_the_way: dict[int, int] = {}
        self._suspect = 0
        self._losses = 0

    @property
    def most(self) -> int | None:
        known = [limit for limit in (self._stated, self._guessed) if limit is not None]
        return min(known, default=None)

    def connected(self, stated: int | None, now: float) -> None:
        """A new connection; `stated` is what CONNACK says, `now` monotonic s."""
        self._stated = stated
        if stated is not None or now - self._guessed_at >= FORGET_AFTER:
            self._guessed = None
        self._on_the_way.clear()

    def takes(self, size: int) -> bool:
        return self.most is None or size <= self.most

    def sent(self, mid: int, size: int) -> None:
        self._on_the_way[mid] = size

    def acked(self, mid: int) -> None:
        if self._on_the_way.pop(mid, 0) >= self._suspect:
            self._losses = 0

    def lost(self, now: float, *, too_large: bool, silent: bool) -> bool:
        """The link broke: `too_large`, as the broker says, or `silent`, as one of MQTT 3.1.1.
        Whether a packet of ours may be why."""
        largest = max(self._on_the_way.values(), default=0)
        self._on_the_way.clear()
        if not largest or not (too_large or silent):
            return False
        self._suspect = min(self._suspect, largest) if self._losses else largest
        self._losses += 1
        if too_large or self._losses >= SILENT_LOSSES:
            self._guessed, self._guessed_at, self._losses = largest - 1, now, 0
        return True
