"""What the hub refuses of an agent that says more in a day than is tolerated (0017, 0021).

Heartbeats of which nothing follows but numbers and planes are most of all messages. They are let
through by leases: one look at an agent's account lets so many of them in. How many is drawn, so
that nobody can know which of his heartbeats is looked at: its digits stand for all of the lease.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from msgspec import UNSET

from fleet.contract.answer_fast_path import Answer
from fleet.contract.fields import Message
from fleet.contract.heartbeat_fast_path import Beat
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.rejection import Rejected
from fleet.contract.strict_json import decode
from fleet.contract.surplus import is_suspect
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import Reason
from fleet.domain.daily_bounds import DIGITS, Bounds, DayCounts
from fleet.domain.precision import Before, exact, numbers_of_beat, unknown
from fleet.domain.progress_bounds import ProgressCounts

LEASE: Final = 127
"""Heartbeats let in by one look at most, half as many on average: few beside those at once."""

MAX_COUNTED: Final = 300_000
"""Agents that are counted, as many as addresses are remembered."""


class DailyLimits:
    """Counts what agents say. Counts begin anew with each start of the hub.

    Attributes:
        left: heartbeats that are let in without a look, by agent.
        listed: whether somebody keeps a list of agents.
        draw: a number below the given one that nobody can foresee.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.draw: Callable[[int], int] = secrets.randbelow
        self._bounds = bounds or Bounds().refused()
        self._counts: dict[str, DayCounts] = {}
        self._tasks: dict[str, ProgressCounts] = {}
        self.listed = False
        self.left: dict[str, int] = {}

    def renew(
        self, agent: str, beat: Beat, payload: bytes, at: float, before: Callable[[str], Before]
    ) -> int:
        """How many heartbeats from `beat` on may come in without a look at `at`."""
        counts = self._counts.get(agent)
        if counts is None:
            return 0
        counts.begin(at)
        if beat.interval is not UNSET:
            counts.interval = beat.interval
        if counts.watched or (is_suspect(payload) and _is_rejected(payload)):
            counts.watched = True  # for the rest of the day each is read as a whole
            return 0
        lease = 1 + self.draw(LEASE)
        digits = exact(numbers_of_beat(beat), before(agent), at)
        if digits:
            lease = min(lease, counts.exact_left(self._bounds, digits, self.listed))
        taken = self.left[agent] = counts.take(lease, epoch(beat.ts), self._bounds)
        counts.exact += taken * digits
        return taken

    def check(
        self,
        agent: str,
        message: Heartbeat | Status | Answer | Alert,
        at: float,
        before: Before = unknown,
        *,
        retained: bool = False,
        keep: bool = True,
    ) -> bool:
        """Count a message; `keep` is False for an agent that nobody knows yet.

        Returns:
            Whether its numbers may be believed. A heartbeat or status of too many digits still
            tells that the agent lives; an alert passes with its own, which the events bound.

        Raises:
            Rejected: it is more than one agent may say in a day.
        """
        counts = self._counts.get(agent)
        if counts is None:
            counts = DayCounts()
            if keep:
                if len(self._counts) >= MAX_COUNTED:
                    self._counts.clear()
                    self.left.clear()
                self._counts[agent] = counts
        # One of a lease that was not unchanged after all, or a burst would be counted twice.
        lease = 0 if retained or not isinstance(message, Heartbeat) else self.left.get(agent, 0)
        field = counts.excess(
            message, at, self._bounds, retained, before, let_in=bool(lease), listed=self.listed
        )
        if lease:
            self.left[agent] = lease - 1
        if field == DIGITS:
            return isinstance(message, Alert)
        if field is not None:
            raise Rejected(Reason.TOO_OFTEN, field)
        return True

    def check_progress(self, agent: str, at: float, *, keep: bool) -> None:
        """Count a message about a task; `keep` is False for an agent that nobody knows yet.

        Raises:
            Rejected: it is more than one agent may say in a day.
        """
        if self._tasks_of(agent, keep=keep).is_too_much(at, self._bounds.progress):
            raise Rejected(Reason.TOO_OFTEN)

    def offered(self, agent: str, at: float) -> None:
        """The hub offered a task to an agent, which may tell of it."""
        self._tasks_of(agent, keep=True).offer(at)

    def _tasks_of(self, agent: str, *, keep: bool) -> ProgressCounts:
        counts = self._tasks.get(agent)
        if counts is None:
            counts = ProgressCounts()
            if keep:
                if len(self._tasks) >= MAX_COUNTED:
                    self._tasks.clear()
                self._tasks[agent] = counts
        return counts

    def asked(self, agent: str, at: float) -> None:
        """The hub sent a command or notice, to everybody where `agent` is empty."""
        mine = self._counts.get(agent)
        asked = [mine] if mine else []
        for counts in asked if agent else self._counts.values():
            counts.begin(at)
            counts.asked()


def without_numbers(message: Message) -> Message:
    """A heartbeat or status without what it measured."""
    measured = {"metrics": None, "uptime": None}
    gone = {name: none for name, none in measured.items() if name in type(message).model_fields}
    return message.model_copy(update=gone)


def _is_rejected(payload: bytes) -> bool:
    try:
        decode(payload)
    except Rejected:
        return True
    return False
