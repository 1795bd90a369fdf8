"""Which messages of one sidecar session were seen: gaps, repetitions, and how far a receipt may go.

A session's messages are numbered across all kinds and sent in order. A receipt promises that
every status and alert up to a number is committed, so it must never run over a hole that a
message of the sidecar's outbox may still fill.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import inf
from typing import Final

Holes = tuple[tuple[int, int], ...]
"""Runs of missing numbers, first and last of each, in order."""

MAX_HOLES: Final = 1024
"""Runs remembered a session. While an outbox is emptied each bus heartbeat leaps over what still
waits in it, and leaves one."""

MAX_JUMP: Final = 100_000
"""Numbers that a hole may span: ten full outboxes. Beyond that a number is forged, or what lies
before it will never come."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Seen: everything from `low` to `high` except `holes`. Below `settled` no one waits."""

    low: int
    high: int
    settled: int
    holes: Holes = ()

    @classmethod
    def starting(cls, seq: int) -> Sequence:
        """A session first heard at `seq`; its true beginning is 0."""
        return cls(low=seq, high=seq, settled=0)

    @property
    def missing(self) -> int:
        """How many numbers the holes span."""
        return sum(last - first + 1 for first, last in self.holes)

    def has(self, seq: int) -> bool:
        """Whether `seq` was seen before."""
        return self.low <= seq <= self.high and not self.lacks(seq)

    def lacks(self, seq: int) -> bool:
        """Whether `seq` lies in a hole."""
        place = self._hole_at(seq)
        return place >= 0 and seq <= self.holes[place][1]

    def lost(self, seq: int) -> int:
        """How many messages are missing between the last seen and `seq`."""
        return max(0, seq - self.high - 1)

    def seen(self, seq: int) -> Sequence:
        """After `seq` arrived."""
        if seq == self.high + 1:
            return Sequence(self.low, seq, self.settled, self.holes)
        if seq > self.high:
            return self._jumped(seq)
        if seq < self.low:
            return self._reached_back(seq)
        return self._filled(seq) if self.lacks(seq) else self

    def given_up(self, seq: int) -> Sequence:
        """After the sidecar sent `seq` again: it sends in order, so what is missing before it
        is not in its outbox and never comes."""
        return replace(self, settled=max(self.settled, seq))

    def receipt(self) -> int | None:
        """The last number up to which nothing is waited for; None if there is none yet."""
        if self.settled < self.low:
            return self.settled - 1 if self.settled > 0 else None
        waited = (max(first, self.settled) for first, last in self.holes if last >= self.settled)
        last = next(waited, self.high + 1) - 1
        return last if last >= 0 else None

    def _hole_at(self, seq: int) -> int:
        """Index of the last hole that begins at or before `seq`, or -1."""
        return bisect_right(self.holes, (seq, inf)) - 1

    def _filled(self, seq: int) -> Sequence:
        place = self._hole_at(seq)
        first, last = self.holes[place]
        left = tuple(run for run in ((first, seq - 1), (seq + 1, last)) if run[0] <= run[1])
        holes = self.holes[:place] + left + self.holes[place + 1 :]
        return _bounded(self.low, self.high, self.settled, holes)

    def _jumped(self, seq: int) -> Sequence:
        if seq - self.high > MAX_JUMP:
            receipted = self.receipt()
            settled = self.settled if receipted is None else receipted + 1
            return Sequence(low=seq, high=seq, settled=settled)
        return _bounded(self.low, seq, self.settled, (*self.holes, (self.high + 1, seq - 1)))

    def _reached_back(self, seq: int) -> Sequence:
        if self.low - seq > MAX_JUMP:
            return self
        before = ((seq + 1, self.low - 1),) if self.low - seq > 1 else ()
        return _bounded(seq, self.high, self.settled, before + self.holes)


def _bounded(low: int, high: int, settled: int, holes: Holes) -> Sequence:
    """Forget the oldest holes: what lies before them is unseen again, rather twice than lost."""
    if len(holes) > MAX_HOLES:
        holes = holes[-MAX_HOLES:]
        low = holes[0][0]
    return Sequence(low, high, settled, holes)
