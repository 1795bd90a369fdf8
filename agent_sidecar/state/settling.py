"""When what can wait is written down: much of it in one commit, once nobody waits for us."""

from __future__ import annotations

from typing import Final

from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import Outbox

SETTLE: Final = 1.0
"""Seconds in which receipts may gather before they are written down, and after which a full disk is
tried again."""

QUIET: Final = 0.01
"""Seconds without a message after which answers that have left are written down."""

LONGEST: Final = 0.05
"""Seconds that one of them waits at most, while messages go on coming."""

MOST: Final = 16
"""Answers that wait at once: a Mosquitto stops at 20 messages that are not acknowledged."""


class Settling:
    """`tick` often; time is monotonic s.

    Attributes:
        due: when to wake up for it; None: nothing waits.
    """

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._settle_at: float | None = None
        self._answered_at: float | None = None
        self.due: float | None = None

    @property
    def holds(self) -> bool:
        """Whether answers have left that are not written down yet: until they are, the broker is to
        keep their commands, and brings them again after a kill -9. To look twice is harmless."""
        return self._outbox.unsaved > 0 and not self._outbox.refused

    def tick(self, now: float, heard_at: float) -> None:
        """Write what has waited for long enough; the last message came in at `heard_at`."""
        answers = self._answers_due(now, heard_at)
        if answers is not None and now >= answers:
            self._outbox.flush()
            answers = self._answered_at = None
        settle = self._settle_due(now)
        if settle is not None and now >= settle:
            self._database.settle()
            settle = self._settle_at = None
        self.due = min((due for due in (answers, settle) if due is not None), default=None)

    def _answers_due(self, now: float, heard_at: float) -> float | None:
        waiting = self._outbox.unsaved
        if not waiting:
            self._answered_at = None
            return None
        if self._answered_at is None:
            self._answered_at = now
        if waiting >= MOST or self._outbox.refused:
            return now
        return min(self._answered_at + LONGEST, heard_at + QUIET)

    def _settle_due(self, now: float) -> float | None:
        if not self._database.staged:
            self._settle_at = None
        elif self._settle_at is None:
            self._settle_at = now + SETTLE
        return self._settle_at
