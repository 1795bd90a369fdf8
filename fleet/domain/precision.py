"""Numbers with more digits than an operator reads: how many of them a message has (ADR-0021).

Held against what sidecars send (`fleet.contract.quantise`): gauges of three significant digits,
counters that grew by three, moments in whole seconds. What stays as it was has no digits at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import UNSET

from fleet.contract.answer_fast_path import Answer
from fleet.contract.heartbeat_fast_path import Beat
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.quantise import DIGITS, PLACES, is_counter, is_point

UPTIME: Final = "uptime"
"""In the place of a metric's name: it grows like a counter."""

PAST: Final = 86_400.0
"""Seconds: a moment within them is what it says, one beyond them may be anything."""

Before = Callable[[str], float | None]
"""The number that an agent said last of a metric, or of its uptime; None: nothing is known."""

_SCALE: Final = 10**PLACES
_ROUNDED: Final = f"%.{DIGITS - 1}e "


def unknown(_name: str) -> None:
    """A `Before` of one who said nothing yet."""


def numbers_of(message: Heartbeat | Status | Answer | Alert) -> Mapping[str, float]:
    """The measured numbers of a message, by metric or field."""
    if isinstance(message, Alert):
        said = {"value": message.value, "threshold": message.threshold}
        return {name: value for name, value in said.items() if value is not None}
    numbers, uptime = message.metrics or {}, getattr(message, "uptime", None)
    return numbers if uptime is None else {**numbers, UPTIME: uptime}


def numbers_of_beat(beat: Beat) -> Mapping[str, float]:
    """The same of a heartbeat that was decoded at a glance."""
    numbers = {} if beat.metrics is UNSET else beat.metrics
    return numbers if beat.uptime is UNSET else {**numbers, UPTIME: beat.uptime}


def exact(numbers: Mapping[str, float], before: Before, at: float) -> int:
    """How many of `numbers`, said at `at` (s since the epoch), have more digits than their unit
    needs."""
    # One call into C formats all of them: most have three digits, and are done with.
    rounded = map(float, (_ROUNDED * len(numbers) % (*numbers.values(),)).split())
    longer = [one for one, three in zip(numbers.items(), rounded, strict=True) if one[1] != three]
    return sum(not _is_due(name, value, before(name), at) for name, value in longer)


def _is_due(name: str, value: float, before: float | None, at: float) -> bool:
    """Whether a number of more digits is what a sidecar sends of it."""
    if value == before:
        return True
    if is_point(name):
        moment = value / 1000 if name.endswith("_ms") else value
        return value == int(value) and abs(at - moment) <= PAST
    if before is None or not (name == UPTIME or is_counter(name)):
        return False
    growth = round(value * _SCALE) - round(before * _SCALE)
    return growth > 0 and len(str(growth).rstrip("0")) <= DIGITS
