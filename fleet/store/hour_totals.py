"""One agent's hour in the making: counts, and each metric's least, greatest and last value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet.contract.vocabulary import MessageKind
from fleet.store.records import HOUR, Rollup

_PLACE: Final = {MessageKind.HEARTBEAT: 0, MessageKind.STATUS: 2, MessageKind.ALERT: 3}
"""Where a kind is counted; commands and notices are the hub's own and are not."""

_FAILING: Final = 1

MAX_NAMES: Final = 64
"""Metrics summed up of an agent's hour: twice what a message holds. One that invents 32 names a
message made a row of 17 MB, to be read and written again with each step, and kept for a year."""


def is_over(at: float, now: float) -> bool:
    """Whether the hour of the time `at` is to be summed up at `now`. One that lies ahead by more
    than an hour is: a clock stamped it that was wrong, and the log is not to wait for that."""
    return at < now // HOUR * HOUR or at > now + HOUR


class HourTotals:
    """`counts` are heartbeats, those of them not ok, statuses and alerts; `left_out` are values of
    metrics beyond `MAX_NAMES`."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0, 0]
        self.left_out = 0
        self.metrics: dict[str, list[float]] = {}

    def add(self, kind: MessageKind, message: Mapping[str, Any]) -> None:
        """Count the next message of the hour."""
        place = _PLACE.get(kind)
        if place is None:
            return
        self.counts[place] += 1
        if kind is MessageKind.HEARTBEAT and not message["ok"]:
            self.counts[_FAILING] += 1
        for name, value in message.get("metrics", {}).items():
            known = self._of(name, [value, value, value])
            if known is not None:
                known[:] = [min(known[0], value), max(known[1], value), value]

    def put_before(self, counts: Sequence[int], metrics: Mapping[str, list[float]]) -> None:
        """Put an earlier part of the same hour before this one."""
        self.counts = [a + b for a, b in zip(counts, self.counts, strict=True)]
        later, self.metrics = self.metrics, {}
        for name, values in metrics.items():  # who came first stays
            self._of(name, list(values))
        for name, (low, high, last) in later.items():
            known = self._of(name, [low, high, last])
            if known is not None:
                known[:] = [min(known[0], low), max(known[1], high), last]

    def _of(self, name: str, values: list[float]) -> list[float] | None:
        """The sums of a metric, `values` for a new one; None: there are too many."""
        if name not in self.metrics and len(self.metrics) >= MAX_NAMES:
            self.left_out += 1
            return None
        return self.metrics.setdefault(name, values)

    def rollup(self, hour: int, agent: str) -> Rollup:
        """As of now, for the `hour`th hour since the epoch."""
        beats, failing, statuses, alerts = self.counts
        metrics = {name: list(values) for name, values in self.metrics.items()}
        return Rollup(float(hour * HOUR), agent, beats, failing, statuses, alerts, metrics)
