"""How many connections are open, whose turn it is on each, and which goes when there are too many.

A connection works (a request is whole, the answer is being made) or waits for its peer: for the
rest of a request, or for the last answer to be read. Who waits costs nothing to close, so where
a bound is reached one of these goes, and not the one that comes: first who has had an answer, then
who has waited longest. A caller that sends its request at once is therefore served, however many
others hold half of one. Where all work, the next wait to be accepted: an answer is a matter of
milliseconds, and those that are not (event streams) have a bound of their own.

Time is an argument; nothing here knows a socket.
"""

from __future__ import annotations

import ipaddress
import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST: Final = 512
"""Connections in all, where the limit of open files allows it."""

WAIT: Final = 15.0
"""Seconds that a peer has for a whole request, counted from the opening of the connection or from
the last answer. The longest request is 16 KiB: two seconds on a bad mobile link."""

STALL: Final = 30.0
"""Seconds in which a peer has to read on in its answer, as for the event stream's own."""


GRACE: Final = 0.5
"""Seconds in which a new connection is not closed for want of room: its request is on its way."""


@dataclass(slots=True, eq=False)
class Connection:
    """One open connection.

    Attributes:
        peer: the address it comes from, as `peer_of` gives it; empty: a proxy's, for many peers.
        close: ends it at once.
        since: when its peer's turn began; None: it is ours.
        reads: whether the peer has an answer to read, not a request to send.
        answered: whether it has had an answer; a new one's request may be on its way.
        allowed: seconds that its peer has beyond `WAIT` for the request that it sends.
    """

    peer: str
    close: Callable[[], None]
    since: float | None = None
    reads: bool = False
    answered: bool = False
    allowed: float = 0.0

    def wait(self, now: float, *, reads: bool = False) -> None:
        """It is the peer's turn; one more byte of the same request does not begin it anew."""
        if self.since is None or reads != self.reads:
            self.since = now
        self.reads = reads

    def work(self) -> None:
        self.since = None
        self.reads = False

    def may_go(self, now: float) -> bool:
        """Whether it may be closed to make room for another."""
        if self.since is None:
            return False
        return self.answered or self.reads or now - self.since >= GRACE


class Connections:
    """Every open connection of one listener.

    Args:
        most: open at a time; of one peer half of them may wait.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: dict[Connection, None] = {}
        self._by_peer: Counter[str] = Counter()
        self.late = 0
        """Closed because the peer did not send or read in time."""
        self.crowded = 0
        """Closed because there were too many."""

    def __len__(self) -> int:
        return len(self._open)

    def is_full(self, now: float) -> bool:
        """Whether there is room for no other, and nobody to close."""
        return len(self._open) >= self._most and not self._closable(now)

    def open(self, connection: Connection, now: float) -> None:
        """Take a new one in; closes another where a bound is reached."""
        if connection.peer and self._by_peer[connection.peer] >= self._most // 2:
            self._close_one(now, connection.peer)
        elif len(self._open) >= self._most:
            self._close_one(now)
        self._open[connection] = None
        self._by_peer[connection.peer] += 1

    def forget(self, connection: Connection) -> None:
        """It is closed, by whomever; twice is no error."""
        if self._open.pop(connection, self) is self:
            return
        self._by_peer[connection.peer] -= 1
        if not self._by_peer[connection.peer]:
            del self._by_peer[connection.peer]

    def make_room(self, now: float) -> None:
        """Close one that waits, if there is one: something else has run out."""
        self._close_one(now)

    def close_overdue(self, now: float) -> None:
        """Close whose peer has not done its part in time."""
        for connection in list(self._open):
            limit = STALL if connection.reads else WAIT + connection.allowed
            if connection.since is not None and now - connection.since > limit:
                self.late += 1
                self._close(connection)

    def _close_one(self, now: float, peer: str | None = None) -> None:
        """Close one of `peer`'s that waits (None: of whoever has most of them), if there is one."""
        waiting = self._closable(now)
        if peer is None:
            counts = Counter(one.peer for one in waiting)
            peer = max(counts, key=lambda each: counts[each], default=None)
        victim = min((one for one in waiting if one.peer == peer), key=_order, default=None)
        if victim is not None:
            self.crowded += 1
            self._close(victim)

    def _closable(self, now: float) -> list[Connection]:
        return [one for one in self._open if one.may_go(now)]

    def _close(self, connection: Connection) -> None:
        self.forget(connection)
        connection.close()


def _order(waiting: Connection) -> tuple[bool, float]:
    """Who is closed first."""
    return not (waiting.answered or waiting.reads), waiting.since or 0.0


def most_connections() -> int:
    """As many as we keep open: a quarter of the files that this process may have open. Each may be
    sent a file, and the store, the broker and the captures need theirs."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(2, min(MOST, soft // 4))


def peer_of(address: str) -> str:
    """Whom an address stands for: itself, or of IPv6 the /64 that one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
