"""Limits of what is used within a window: how much of one is gone, and when all of it will be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, NamedTuple

from fleet.contract.vocabulary import Severity, Word
from fleet.domain.capacity.forecast import HOUR, Confidence, Forecast
from fleet.domain.capacity.usage import (
    Expected,
    Spent,
    basis_of,
    confidence_of,
    expected,
    usual_day,
)
from fleet.domain.capacity.windows import Window


class Used(Word):
    """What can be limited."""

    TOKENS = "tokens", "tokens sent to the model and back"
    TOKENS_INPUT = "tokens_input", "tokens sent to the model"
    TOKENS_OUTPUT = "tokens_output", "tokens that the model sent"
    COST = "cost", "what they cost by the prices of the settings"


LEVELS: Final = (
    (0.95, Severity.CRITICAL),
    (0.80, Severity.WARNING),
    (0.50, Severity.INFO),
)
"""Share of a limit from which on it matters so much."""

AHEAD: Final = Severity.WARNING
"""How much it matters that a limit will be reached before its window ends."""


@dataclass(frozen=True, slots=True)
class Quota:
    """`[quotas.NAME]`: at most `limit` of `used` in each `window`.

    `agent`: of that one. `group`: of all its members together, of neither: of the whole fleet;
    with `each`, of each of them alone.
    """

    name: str
    used: Used
    limit: float
    window: Window
    agent: str = ""
    group: str = ""
    each: bool = False

    def is_of_agent(self, agent: str, groups: tuple[str, ...]) -> bool:
        """Whether it limits that agent alone."""
        if self.agent:
            return agent == self.agent
        return self.each and (not self.group or self.group in groups)

    def is_of_group(self, group: str) -> bool:
        """Whether it limits a group as a whole; the group of no name is the fleet."""
        return not self.agent and not self.each and group == self.group


class Subject(NamedTuple):
    """What is looked at: the use of an agent, of a group, or of the fleet, in its unit."""

    used: Used
    unit: str
    agent: str = ""
    group: str = ""


def in_window(
    subject: Subject,
    spent: Spent,
    window: Window,
    now: float,
    zone: tzinfo,
    quota: Quota | None = None,
) -> Forecast:
    """What is used in a window so far and by its end; with `quota`, when that is reached."""
    begin, end = window.begins(now, zone), window.ends(now, zone)
    gone = spent.between(begin, now)
    ahead = expected(spent, now, end, zone) if spent.is_known(now) else None
    usual = usual_day(spent, now, zone) if ahead else None
    at = None
    if quota is not None:
        at = now if gone >= quota.limit else _reached(spent, window, ahead, quota.limit, now, zone)
    confidence = confidence_of(spent, ahead, now)
    by_end = None
    if ahead is not None and window.calendar is not None:
        by_end = gone + ahead.total
    return Forecast(
        agent=subject.agent,
        group=subject.group,
        metric=subject.used.value,
        unit=subject.unit,
        now=_short(gone),
        per_day=_short(usual[0]) if usual else None,
        low=_short(usual[1]) if usual else None,
        high=_short(usual[2]) if usual else None,
        exhausts_at=at,
        basis=basis_of(spent, ahead, begin, now),
        confidence=confidence,
        severity=None
        if quota is None
        else matters(gone / quota.limit, coming=at is not None and confidence is Confidence.HIGH),
        window=window.name,
        ends_at=end if window.calendar is not None else None,
        at_end=None if by_end is None else _short(by_end),
        quota=quota.name if quota else "",
        limit=quota.limit if quota else None,
    )


def matters(share: float, *, coming: bool) -> Severity | None:
    """By the share that is gone; `coming`: all of it will be, and that can be believed."""
    found = next((severity for level, severity in LEVELS if share >= level), None)
    if coming and (found is None or found.rank < AHEAD.rank):
        return AHEAD
    return found


def _reached(
    spent: Spent, window: Window, ahead: Expected | None, limit: float, now: float, zone: tzinfo
) -> float | None:
    """When the limit is reached within the window, to the hour; None: not at this rate."""
    if ahead is None or not ahead.parts:
        return None
    moves, begin = window.calendar is None, window.begins(now, zone)
    at, end = now, ahead.parts[-1][0]
    if not moves and spent.between(begin, now) + ahead.total < limit:
        return None
    while at < end:
        at = min(at + HOUR, end)
        since = at - window.span if moves else begin
        if spent.between(since, now) + ahead.by(at) - ahead.by(since) >= limit:
            return at
    return None


def _short(value: float) -> float:
    """Without the digits that nobody measured."""
    return float(f"{value:.6g}")
