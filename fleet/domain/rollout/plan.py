"""The plan of a rollout: to which version, in which waves, and when it stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fleet.contract.update_words import is_plain
from fleet.contract.vocabulary import Word
from fleet.domain.rollout.errors import InvalidPlanError

WAVES: Final = "1,25%,100%"
"""One to see it break, a quarter to see it work, then everybody."""
ABORT: Final = "20%:2"
"""A fifth, as soon as two have ended: one bad machine stops nobody, a bad version everybody."""
VERIFY: Final = 300.0
"""Seconds that a version has to run and to work: gateways take up to a minute to start."""
SOAK: Final = 1800.0
"""Seconds that it must go on working: most of what is wrong shows in the first jobs."""
TIMEOUT: Final = 3600.0
"""Seconds that an agent may be away, or take to answer."""
MAX_WAVES: Final = 20
MAX_AGENTS: Final = 10_000
"""Agents of one rollout: what a fleet has at most."""
TIMES: Final = (1.0, 7 * 86400.0)
"""Seconds that each time of a plan may be."""

_WAVE: Final = re.compile(r"([1-9][0-9]{0,4})(%?)")
_ABORT: Final = re.compile(r"([1-9][0-9]?|100)%(?::([1-9][0-9]{0,4}))?")


class OnAbort(Word):
    """What happens to those that were changed when the threshold is reached."""

    STOP = "stop", "they stay as they are"
    ROLLBACK = "rollback", "they are rolled back"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a rollout; texts as people type them. Times are seconds."""

    version: str
    waves: str = WAVES
    max_unavailable: int = 1
    abort: str = ABORT
    verify: float = VERIFY
    soak: float = SOAK
    timeout: float = TIMEOUT
    on_abort: OnAbort = OnAbort.STOP

    def require_valid(self) -> None:
        """
        Raises:
            InvalidPlanError: a part of it is not usable; names it.
        """
        if not is_plain(self.version):
            why = "it is not up to 32 of 0-9 A-Z a-z . + _ - that begin with a digit or a letter"
            raise InvalidPlanError("version", why, "--to 2026.10.1")
        wave_sizes(self.waves, 100)
        threshold(self.abort)
        if not 1 <= self.max_unavailable <= MAX_AGENTS:
            raise InvalidPlanError(
                "max-unavailable", f"it is not 1 to {MAX_AGENTS}", "--max-unavailable 1"
            )
        for name in ("verify", "soak", "timeout"):
            if not TIMES[0] <= getattr(self, name) <= TIMES[1]:
                raise InvalidPlanError(name, "it is not 1 s to 7 days", f"--{name} 5m")


def wave_sizes(text: str, agents: int) -> list[int]:
    """How many agents are asked by the end of each wave, of so many in all.

    Raises:
        InvalidPlanError: it is no list of growing numbers and shares that ends with all.
    """
    parts = [part.strip() for part in text.split(",")]
    found = [_WAVE.fullmatch(part) for part in parts]
    if not all(found) or len(parts) > MAX_WAVES:
        why = f"{text[:60]!r} is no list of up to {MAX_WAVES} numbers and shares"
        raise InvalidPlanError("waves", why, f"--waves {WAVES}")
    if parts[-1] != "100%":
        raise InvalidPlanError("waves", "the last one is not 100%", f"--waves {text[:60]},100%")
    shares = [int(one[1]) for one in found if one and one[2]]
    counts = [int(one[1]) for one in found if one and not one[2]]
    if max(shares) > 100 or shares != sorted(shares) or counts != sorted(counts):
        raise InvalidPlanError("waves", "they do not grow", f"--waves {WAVES}")
    sizes: list[int] = []
    for one in found:
        number = int(one[1]) if one else 0
        size = -(-agents * number // 100) if one and one[2] else number
        size = min(agents, max(size, sizes[-1] if sizes else 1))
        if not sizes or size > sizes[-1]:
            sizes.append(size)
    return sizes


def threshold(text: str) -> tuple[int, int]:
    """(percent, how many must have ended before it counts).

    Raises:
        InvalidPlanError: it is none.
    """
    found = _ABORT.fullmatch(text)
    if not found:
        raise InvalidPlanError("abort", f"{text[:30]!r} is no share and number", f"--abort {ABORT}")
    return int(found[1]), int(found[2] or 1)


def most_failures(text: str, agents: int) -> int:
    """How many of so many agents may fail, ever: the share of all, but no fewer than must have
    ended before it counts. No more are under way at a time than are left of that."""
    percent, least = threshold(text)
    return max(least, agents * percent // 100)
