"""What a scenario is: a fault, what must hold, and how to see whether it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class AbsentError(Exception):
    """This machine lacks what the fault needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen: a sentence for people, a verdict, and the numbers behind both.

    `held`: nothing lost, doubled or false. `in_time`: as soon as promised, which only the long form
    on a machine of its own can tell; a slice shares its machine with other tests.
    """

    seen: str
    held: bool
    numbers: dict[str, float] = field(default_factory=dict)
    in_time: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault. `run` gets a folder of its own, and True for the short slice.
    `slow`: why its slice waits for CI to be set; empty: it runs with every other test."""

    name: str
    fault: str
    must_hold: str
    run: Callable[[Path, bool], Finding]
    slow: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
