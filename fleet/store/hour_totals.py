"""One agent's hour in the making: counts, and each metric's least, greatest and last value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet.contract.vocabulary import MessageKind
from fleet.store.records import HOUR, Rollup

_PLACE: Final = {MessageKind.HEARTBEAT: 0, MessageKind.STATUS: 2, MessageKind.ALERT: 3}
"""Where a kind is counted; commands and notices are the hub's own and are not."""

_FAILING: Final = 1


class HourTotals:
    """`counts` are heartbeats, those of them not ok, statuses and alerts."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0, 0]
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
            known = self.metrics.setdefault(name, [value, value, value])
            known[:] = [min(known[0], value), max(known[1], value), value]

    def put_before(self, counts: Sequence[int], metrics: Mapping[str, list[float]]) -> None:
        """Put an earlier part of the same hour before this one."""
        self.counts = [a + b for a, b in zip(counts, self.counts, strict=True)]
        for name, (low, high, last) in metrics.items():
            known = self.metrics.setdefault(name, [low, high, last])
            known[:2] = [min(known[0], low), max(known[1], high)]

    def rollup(self, hour: int, agent: str) -> Rollup:
        """As of now, for the `hour`th hour since the epoch."""
        beats, failing, statuses, alerts = self.counts
        metrics = {name: list(values) for name, values in self.metrics.items()}
        return Rollup(float(hour * HOUR), agent, beats, failing, statuses, alerts, metrics)
