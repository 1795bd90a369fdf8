"""An agent's last intervals, one word each: what a row of small cells shows.

A gap is judged by the interval that was promised before it. What falls into a time in which the hub
did not listen is unknown: nobody can tell whether the agent was silent then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Word
from fleet.domain.listening import Spans
from fleet.domain.liveness import late_at, stale_at

LENGTH: Final = 40
"""Intervals that are told of an agent."""


class Cell(Word):
    """What became of one interval."""

    ON_TIME = "on-time", "a bus heartbeat came in time, and nothing in it says otherwise"
    DEGRADED = "degraded", "one came in time, and it or a plane of it says that it does not work"
    LATE = "late", "one came after more than 1.5 intervals"
    MISSED = "missed", "none came, and the hub listened"
    UNKNOWN = "unknown", "none came, and the hub did not listen"


@dataclass(frozen=True, slots=True)
class Heard:
    """A bus heartbeat at its receipt (s since the epoch), and when the next one was promised."""

    at: float
    interval: float
    degraded: bool = False


def beat_bar(beats: Sequence[Heard], listening: Spans, now: float) -> list[Cell]:
    """The last intervals, oldest first; fewer where fewer are known. `beats` are in order."""
    cells: list[Cell] = []
    began = 0.0
    for before, beat in zip((None, *beats), beats, strict=False):
        told = Cell.DEGRADED if beat.degraded else Cell.ON_TIME
        if before is not None and beat.at - began < before.interval / 2:
            if cells[-1] in (Cell.ON_TIME, Cell.DEGRADED):
                cells[-1] = told  # of one interval the newest word holds
            continue
        if before is not None:
            missing = _gap(before, beat.at, listening)
            if missing == [Cell.LATE]:
                missing, told = [], Cell.LATE
            cells += missing
        began = beat.at
        cells.append(told)
    if beats:
        cells += _gap(beats[-1], now, listening)
    return cells[-LENGTH:]


def _gap(last: Heard, until: float, listening: Spans) -> list[Cell]:
    """What was not heard between `last` and a time."""
    if until < late_at(last.at, last.interval):
        return []
    if until < stale_at(last.at, last.interval):
        awaited = last.at + last.interval
        return [Cell.LATE if listening.hold(awaited) else Cell.UNKNOWN]
    count = min(max(1, round((until - last.at) / last.interval) - 1), LENGTH)
    begin = until - count * last.interval
    return [
        Cell.MISSED if listening.hold(begin + n * last.interval) else Cell.UNKNOWN
        for n in range(count)
    ]


def tally(cells: Sequence[Cell]) -> dict[str, int]:
    """How many there are of each, those alone that are there."""
    counts = Counter(cells)
    return {cell.value: counts[cell] for cell in Cell if cell in counts}
