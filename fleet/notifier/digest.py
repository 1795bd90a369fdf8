"""What is of interest and wakes nobody: gathered, and sent in one message."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final, Self

from fleet.contract.vocabulary import AlertState, Severity
from fleet.notifier.notification import DIGEST_CODE, Notification
from fleet.notifier.notified_alert import NotifiedAlert

MOST: Final = 1_000
"""Alerts kept for one digest: the latest word of each; beyond it the oldest go, and are counted."""


class Digest:
    """That of one route; `period` in seconds, from the first alert that goes into it."""

    def __init__(self, period: float) -> None:
        self.period = period
        self._began: float | None = None
        self._kept: dict[tuple[str, str], NotifiedAlert] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def due_at(self) -> float | None:
        """When it is to be sent (s since the epoch); None: nothing is in it."""
        return None if self._began is None else self._began + self.period

    def add(self, group: Notification, now: float) -> int:
        """How many had to go for it."""
        self._began = now if self._began is None else min(self._began, now)
        over = group.state is AlertState.RESOLVED
        for member in group.members:
            key = member.agent, group.code
            self._kept.pop(key, None)
            self._kept[key] = replace(member, code=group.code, over=over)
        dropped = max(0, len(self._kept) - MOST)
        for key in list(self._kept)[:dropped]:
            del self._kept[key]
        return dropped

    def take(self) -> Notification:
        """The message; nothing is in the digest afterwards."""
        members = tuple(self._kept.values())
        text = "\n".join([str(self._began), *(f"{m.agent} {m.code} {m.since}" for m in members)])
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._began, self._kept = None, {}
        return Notification(digest, DIGEST_CODE, AlertState.FIRING, Severity.INFO, members)

    def as_json(self) -> dict[str, Any]:
        members = Notification("", "", AlertState.FIRING, Severity.INFO, tuple(self._kept.values()))
        return {"began": self._began, "members": members.as_json()["members"]}

    def restored(self, data: dict[str, Any] | None) -> Self:
        """It with what `as_json` made.

        Raises:
            KeyError, TypeError, ValueError: it is not one of ours.
        """
        if data and data["began"] is not None:
            self._began = float(data["began"])
            members = (NotifiedAlert.from_json(member) for member in data["members"])
            self._kept = {(member.agent, member.code): member for member in members}
        return self
