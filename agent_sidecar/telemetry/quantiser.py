"""What leaves has no more digits than an operator reads (ADR-0017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.quantise import CounterSteps, gauge, is_counter, is_point

COUNTERS: Final = 64
"""Counters remembered: two full heartbeats of other names. The rest is rounded like gauges."""

WHOLE: Final = 60.0
"""Seconds of uptime from which on decimals say nothing."""


class Quantiser:
    """Rounds the numbers of one agent's messages; remembers what was sent of its counters."""

    def __init__(self) -> None:
        self._steps = CounterSteps(COUNTERS)

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """`message`, with its measured numbers rounded."""
        rounded = dict(message)
        if "metrics" in message:
            rounded["metrics"] = {
                name: self._metric(name, value) for name, value in message["metrics"].items()
            }
        if "value" in message:
            rounded["value"] = gauge(message["value"])
        if message.get("uptime", 0) >= WHOLE:
            rounded["uptime"] = int(message["uptime"])
        return rounded

    def _metric(self, name: str, value: float) -> float:
        if is_point(name):
            return int(value)
        return self._steps.next(name, value) if is_counter(name) else gauge(value)
