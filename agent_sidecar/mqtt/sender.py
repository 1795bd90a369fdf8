"""When to send which row of the outbox: in order, again after an outage, until the receipt.

Pure policy: time is an argument, sending is a function. Everything is sent once as fast as the
broker acknowledges. What the hub does not receipt is sent again in small bursts, ever more
rarely, so a bus without a hub is not flooded; the first sign of a hub sends all of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from agent_sidecar.mqtt.packet_limit import SET_ASIDE
from agent_sidecar.state.outbox import Outbox, OutboxRow
from fleet.contract.backoff import Backoff
from fleet.contract.vocabulary import MessageKind

PATIENCE: Final = 5.0
"""Seconds without a receipt before rows are sent again; a hub commits in milliseconds."""

MAX_PATIENCE: Final = 600.0
"""Seconds; where nobody ever receipts, this is the rhythm that is left."""

BURST: Final = 16
"""Rows sent again to see whether a hub is there."""

Publish = Callable[[MessageKind, bytes, bool], int | None]
"""Publishes (kind, payload, retain) of this agent; the message id to expect back, None if the
connection cannot, `SET_ASIDE` if this message cannot pass."""


class OutboxSender:
    """Moves rows from `outbox` to the bus. `window` bounds unacknowledged ones."""

    def __init__(
        self,
        outbox: Outbox,
        publish: Publish,
        window: int = 16,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._publish = publish
        self._window = window
        self._up = False
        self._cursor = 0
        self._sent = outbox.last_id
        """Id up to which rows have left; what an earlier run left behind may have."""
        self._in_flight: dict[int, int] = {}
        self._again: list[OutboxRow] = []
        self._chance = chance
        self._patience = Backoff(PATIENCE, MAX_PATIENCE, chance=chance)
        self._wait = 0.0
        self._resent = False
        self._resend_at = 0.0

    def link_up(self, now: float, window: int) -> None:
        """A new connection: what the broker may have lost is sent again."""
        self._up = True
        self._window = window
        self._in_flight.clear()
        self._cursor = 0 if self._outbox.receipted else self._outbox.acked
        self._progress(now)

    def link_down(self) -> None:
        self._up = False
        self._in_flight.clear()
        self._again.clear()

    def hub_online(self, now: float) -> None:
        """A hub has come up and may miss anything that it has not receipted."""
        self._cursor = 0
        self._again.clear()
        self._progress(now)

    def receipt(self, boot: int, seq: int, now: float) -> bool:
        """The hub is there. False: it covers what has not left yet, so no hub sent it.

        If it took a second sending to hear of it, it missed the first: all the rest is sent again
        too, and patience stays, lest a slow hub be pushed ever harder.
        """
        if self._outbox.holds(boot, seq, self._sent):
            return False
        if not self._outbox.receipt(boot, seq):
            return True
        if self._resent:
            self._resent = False
            self._cursor = 0
            self._again.clear()
            self._resend_at = now + self._wait
        else:
            self._progress(now)
        return True

    def acked(self, mid: int) -> None:
        """The broker has answered for `mid` (with a refusal too: that is counted elsewhere)."""
        if self._in_flight.pop(mid, None) is not None and not self._in_flight:
            self._outbox.note_acked(self._cursor)

    def pump(self, now: float) -> None:
        """Send what may be sent now."""
        if not self._up:
            return
        room = self._window - len(self._in_flight)
        if room <= 0:
            return
        fresh = self._outbox.after(self._cursor, room)
        if len(fresh) == len(self._outbox):  # nobody was asked for anything until now
            self._resent = False
            self._resend_at = now + self._wait
        elif now >= self._resend_at and not self._again and not self._in_flight:
            self._again = self._outbox.after(0, BURST)
            self._resent = True
            self._wait_from(now)
        for row in fresh:
            if not self._send(row):
                return
            self._cursor = row.id
        for _ in range(min(room - len(fresh), len(self._again))):
            row = self._again[0]
            if row.id <= self._cursor and not self._send(row):
                return
            self._again.pop(0)

    def due(self) -> float | None:
        """When to pump again though nothing happens (monotonic s); None: never."""
        return self._resend_at if self._up and len(self._outbox) else None

    @property
    def idle(self) -> bool:
        """Whether everything was sent and acknowledged by the broker."""
        return not self._in_flight and not self._outbox.after(self._cursor, 1)

    def _send(self, row: OutboxRow) -> bool:
        mid = self._publish(row.kind, row.payload, row.retain)
        if mid is None:
            return False
        if mid == SET_ASIDE:  # it stays in the outbox: another broker may take it
            return True
        self._in_flight[mid] = row.id
        self._sent = max(self._sent, row.id)
        return True

    def _progress(self, now: float) -> None:
        self._patience = Backoff(PATIENCE, MAX_PATIENCE, chance=self._chance)
        self._resent = False
        self._wait_from(now)

    def _wait_from(self, now: float) -> None:
        self._wait = self._patience.failed(now)
        self._resend_at = now + self._wait
