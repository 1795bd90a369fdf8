"""Which messages of one sidecar session were seen: gaps, repetitions, and how far a receipt may go.

A session's messages are numbered across all kinds and sent in order. A receipt promises that
every status and alert up to a number is committed, so it must never run over a hole that a
message of the sidecar's outbox may still fill.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MAX_MISSING: Final = 1024
"""Missing numbers remembered a session: beyond that the gap is only counted (forged numbers
must not cost memory)."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Seen: everything from `low` to `high` except `missing`. Below `settled` no one waits."""

    low: int
    high: int
    settled: int
    missing: frozenset[int] = frozenset()

    @classmethod
    def starting(cls, seq: int) -> Sequence:
        """A session first heard at `seq`; its true beginning is 0."""
        return cls(low=seq, high=seq, settled=0)

    def has(self, seq: int) -> bool:
        """Whether `seq` was seen before."""
        return self.low <= seq <= self.high and seq not in self.missing

    def lost(self, seq: int) -> int:
        """How many messages are missing between the last seen and `seq`."""
        return max(0, seq - self.high - 1)

    def seen(self, seq: int) -> Sequence:
        """After `seq` arrived."""
        if seq in self.missing:
            return replace(self, missing=self.missing - {seq})
        if seq == self.high + 1:
            return Sequence(self.low, seq, self.settled, self.missing)
        if seq > self.high:
            return self._jumped(seq)
        if seq < self.low:
            return self._reached_back(seq)
        return self

    def given_up(self, seq: int) -> Sequence:
        """After the sidecar sent `seq` again: it sends in order, so what is missing before it
        is not in its outbox and never comes."""
        return replace(self, settled=max(self.settled, seq))

    def receipt(self) -> int | None:
        """The last number up to which nothing is waited for; None if there is none yet."""
        if self.settled < self.low:
            return self.settled - 1 if self.settled > 0 else None
        holes = [number for number in self.missing if number >= self.settled]
        last = min(holes) - 1 if holes else self.high
        return last if last >= 0 else None

    def _jumped(self, seq: int) -> Sequence:
        if seq - self.high > MAX_MISSING:
            receipted = self.receipt()
            settled = self.settled if receipted is None else receipted + 1
            return Sequence(low=seq, high=seq, settled=settled)
        missing = self.missing | frozenset(range(self.high + 1, seq))
        return _bounded(self.low, seq, self.settled, missing)

    def _reached_back(self, seq: int) -> Sequence:
        if self.low - seq > MAX_MISSING:
            return self
        missing = self.missing | frozenset(range(seq + 1, self.low))
        return _bounded(seq, self.high, self.settled, missing)


def _bounded(low: int, high: int, settled: int, missing: frozenset[int]) -> Sequence:
    """Forget the oldest holes: what lies before them is unseen again, rather twice than lost."""
    if len(missing) > MAX_MISSING:
        kept = sorted(missing)[-MAX_MISSING:]
        low, missing = kept[0], frozenset(kept)
    return Sequence(low, high, settled, missing)
