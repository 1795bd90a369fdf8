"""What an examination finds: how bad, in a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.contract.broker_capabilities import Lack, Weight
from fleet.contract.vocabulary import Word


class Level(Word):
    """How bad a finding is, worst last."""

    OK = "ok", "as it should be"
    UNKNOWN = "unknown", "cannot be told from here; counts as neither good nor bad"
    WARNING = "warning", "works, but will cost something one day"
    CRITICAL = "critical", "does not work, or is not safe"


EXITS = {Level.OK: 0, Level.UNKNOWN: 0, Level.WARNING: 1, Level.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at."""

    check: str
    level: Level
    said: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "level": self.level.value,
            "said": self.said,
            "try": self.remedy or None,
        }


def of_lack(lack: Lack) -> Diagnosis:
    """What the broker cannot do; what nothing of the fleet needs is as it should be."""
    said, remedy = lack.sentence, lack.remedy
    if lack.weight is Weight.HARMLESS:
        return Diagnosis(lack.need, Level.OK, said)
    level = Level.CRITICAL if lack.weight is Weight.FATAL else Level.WARNING
    return Diagnosis(lack.need, level, said, remedy)


def worst(findings: Iterable[Diagnosis]) -> Level:
    """The worst level of `findings`, ok if there is none."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
