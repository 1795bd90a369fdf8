"""When the hub listened, and what follows of it: a share of time that counts only what is known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.domain.verdict import Verdict

GAP: Final = 120.0
"""Seconds without a mark after which the hub was away: a mark is made every half minute, and a busy
hub may miss some."""

UP: Final = frozenset({Verdict.OK, Verdict.DEGRADED})
DOWN: Final = frozenset({Verdict.LATE, Verdict.STALE, Verdict.OFFLINE})
"""Of the others (unknown, ghost) nothing is known."""


class Spans:
    """Times from when to when, in order and apart, whatever order they came in."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        self.spans: list[tuple[float, float]] = []
        for began, ended in sorted(spans):
            if self.spans and began <= self.spans[-1][1]:
                self.spans[-1] = self.spans[-1][0], max(self.spans[-1][1], ended)
            else:
                self.spans.append((began, ended))
        self._begins = [began for began, _ in self.spans]

    def hold(self, at: float) -> bool:
        place = bisect_right(self._begins, at)
        return place > 0 and at <= self.spans[place - 1][1]

    def within(self, since: float, until: float) -> float:
        """Seconds of them between two times."""
        found = 0.0
        for began, ended in self.spans[max(0, bisect_right(self._begins, since) - 1) :]:
            if began >= until:
                break
            found += max(0.0, min(ended, until) - max(began, since))
        return found


@dataclass(frozen=True, slots=True)
class Share:
    """Seconds in which an agent was heard in time, of those of which that is known."""

    up: float
    known: float


Changes = Sequence[tuple[float, str]]
"""Times at which an agent's verdict became another, in order, and which."""


def share(changes: Changes, listening: Spans, since: float, until: float) -> Share:
    """What is known between two times. Before its first verdict nothing is."""
    up = known = 0.0
    for verdict, begin, end in _stretches(changes, since, until):
        if verdict in UP or verdict in DOWN:
            seconds = listening.within(begin, end)
            known += seconds
            up += seconds if verdict in UP else 0.0
    return Share(up, known)


def _stretches(changes: Changes, since: float, until: float) -> Iterator[tuple[str, float, float]]:
    ends = (*(at for at, _ in changes[1:]), until)
    for (at, verdict), following in zip(changes, ends, strict=False):
        begin, end = max(at, since), min(following, until)
        if begin < end:
            yield verdict, begin, end
