"""When what can wait is written down: once nobody has waited for us for a while."""

from __future__ import annotations

from typing import Final

from agent_sidecar.state.database import Database

SETTLE: Final = 1.0
"""Seconds in which receipts may gather before they are written down."""


class Settling:
    """`tick` often; time is monotonic s.

    Attributes:
        due: when to wake up for it; None: nothing waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.due: float | None = None

    def tick(self, now: float) -> None:
        if not self._database.staged:
            self.due = None
        elif self.due is None:
            self.due = now + SETTLE
        elif now >= self.due:
            self._database.settle()
            self.due = None
