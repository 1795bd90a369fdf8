"""What an agent said, and what every door must tell of it: the words of the table of situations.

A situation is played in rounds: what the broker retains before the hub starts, what comes while it
listens, and what comes a good second later (as a clock that is off shows in two messages only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

DAY: Final = 86_400
HOUR: Final = 3_600.0

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SILENCED, MAINTENANCE, FLAPPING = "silenced", "in maintenance", "flapping"
RANKS: Final = {None: 0, INFO: 0, WARNING: 1, CRITICAL: 2}
UNKNOWN_EXIT: Final = 3
BEFORE, LATER, NEVER = "before", "later", "never"


@dataclass(frozen=True, slots=True)
class Said:
    """A message of an agent, dated `ago` seconds before it is published."""

    kind: str
    body: Mapping[str, Any]
    ago: float = 0.0


def beat(ok: bool = True, ago: float = 0.0, **fields: Any) -> Said:
    return Said("heartbeat", {"ok": ok, "interval": DAY, **fields}, ago)


def says(state: str, ago: float = 0.0, **fields: Any) -> Said:
    return Said("status", {"state": state, **fields}, ago)


def fires(code: str, severity: str, ago: float = 0.0, state: str = "firing") -> Said:
    return Said("alert", {"code": code, "severity": severity, "state": state}, ago)


def in_brackets(problem: tuple[str, ...]) -> str:
    """Its code and what is said beside it."""
    return f"{problem[1]} ({', '.join(problem[2:])})" if problem[2:] else problem[1]


def held_by(problem: tuple[str, ...]) -> tuple[str, ...]:
    """What holds it back, if anything does."""
    return tuple(word for word in problem[2:] if word != FLAPPING)


@dataclass(frozen=True, slots=True)
class Situation:
    """An agent of this `name`, and what is true of it.

    `problems` are (severity, code) and what is said in brackets (that it flaps, what holds it
    back), worst first;
    `alerts` code → severity, where they are not those of the problems. `acts` are what operators
    ask the hub for: (path, body). `retained`: the broker alone tells the same. `enrolled`: before
    the hub starts, while it serves (later), or never.
    """

    name: str
    state: str
    problems: tuple[tuple[str, ...], ...] = ()
    alerts: Mapping[str, str] | None = None
    retained: bool = True
    before: Sequence[Said] = ()
    live: Sequence[Said] = ()
    later: Sequence[Said] = ()
    acts: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    groups: tuple[str, ...] = ()
    enrolled: str = BEFORE

    @property
    def severity(self) -> str | None:
        return max((p[0] for p in self.problems), key=RANKS.__getitem__, default=None)

    @property
    def severities(self) -> Mapping[str, str]:
        """Of everything that fires."""
        if self.alerts is not None:
            return self.alerts
        return {p[1]: p[0] for p in self.problems if ":" not in p[1] and p[1] != "not-ok"}

    @property
    def exit(self) -> int:
        """Of `fleet check NAME`."""
        return RANKS[self.severity] or (UNKNOWN_EXIT if self.state == "unknown" else 0)

    @property
    def lines(self) -> list[str]:
        """Its problems as people read them: `severity agent: code (held)`."""
        return [f"{p[0]} {self.name}: {in_brackets(p)}" for p in self.problems]

    @property
    def words(self) -> str:
        """The same where the agent's name stands above."""
        told = [f"{p[0]} {in_brackets(p)}" for p in self.problems]
        return ", ".join(told) or "none"


def under_maintenance(one: Situation) -> Situation:
    """The same while maintenance of all is announced: nothing wakes anybody."""
    codes = sorted(problem[1] for problem in one.problems)
    flapping = {problem[1] for problem in one.problems if FLAPPING in problem}
    if one.state in ("offline", "stale"):  # all of it is held: that it is gone says enough
        codes = [code for code in codes if code.startswith("agent-")]
    flaps = {code: (FLAPPING,) if code in flapping else () for code in codes}
    held = tuple((INFO, code, *flaps[code], MAINTENANCE) for code in codes)
    return replace(one, problems=held, alerts=one.severities)


def silenced(agent: str, **what: str) -> tuple[str, dict[str, Any]]:
    return "/v1/silences", {"agent": agent, "seconds": HOUR, **what}


def verified(agent: str, *, agrees: bool) -> tuple[str, dict[str, Any]]:
    return "/v1/verified", {"agent": agent, "agrees": agrees}
