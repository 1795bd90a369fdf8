"""One alert, and one group of them, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.flapping import STEADY, FlapNews, Flaps

OFFERED: Final = "?"
"""No name of a route begins so."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One problem of one agent; `agent` is empty for the hub's own.

    `state` is what is true, `notified` what operators were last told, and `notified_severity` how
    bad they were told it is. `since` is its last change; `flaps` how it came and went. Times are
    the hub's clock in seconds since the epoch. `told_at` is when operators were first told that it
    fires, `routes` those routes that were told of it and are not told of everything; `OFFERED`
    stands before one that is being told, of which nobody knows after a kill whether it was.
    `episode` tells it in this process from the same problem before its end was told: what a route
    is given takes its time, and times of the hub may move meanwhile.
    """

    agent: str
    code: str
    severity: Severity
    state: AlertState
    since: float
    notified: AlertState = AlertState.RESOLVED
    value: float | None = None
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    notified_severity: Severity | None = None
    flaps: Flaps = STEADY
    told_at: float | None = None
    routes: tuple[str, ...] = ()
    episode: int = field(default=0, compare=False)

    @property
    def firing(self) -> bool:
        return self.state is AlertState.FIRING

    @property
    def flapping(self) -> bool:
        """Whether it comes and goes too often for each change to be told."""
        return self.flaps.since is not None

    @property
    def stands(self) -> bool:
        """Whether it fires, or is over only until it fires again."""
        return self.firing or self.flapping

    @property
    def telling(self) -> AlertState:
        """The state that operators are to be told: what flaps fires until it has settled."""
        return AlertState.FIRING if self.stands else AlertState.RESOLVED

    @property
    def told_since(self) -> float:
        """Since when it is as operators are to be told."""
        return self.since if self.flaps.since is None else self.flaps.since

    @property
    def is_notified(self) -> bool:
        """Whether operators know what is true, and that it is as bad as it is."""
        if self.telling is not self.notified or not self.flaps.is_told:
            return False
        if not self.stands and self.may_be_known:
            return False  # a hub that was killed may have told that it fires
        return not self.stands or self.is_known_as_bad

    @property
    def is_known_as_bad(self) -> bool:
        """Whether operators were told that it is as bad as it is, or worse."""
        known = self.notified_severity
        return known is None or self.severity.rank <= known.rank

    @property
    def as_told(self) -> Alert:
        """It, as bad as operators were told it is, or worse if it stands: nobody is told that it is
        milder, and its end is that of what was told."""
        known = self.notified_severity or self.severity
        is_worse = self.stands and self.severity.rank > known.rank
        return self if is_worse or known is self.severity else replace(self, severity=known)

    @property
    def may_be_known(self) -> bool:
        """Whether operators were told that it fires, or may have been."""
        return self.notified is AlertState.FIRING or self.told_at is not None

    def known_to(self, route: str, *, is_told: bool, of: Alert) -> Alert:
        """It, where `route` was told of it as it was in `of`, or is about to be."""
        if of.episode != self.episode or (not is_told and self.may_be_known_to(route)):
            return self
        others = (one for one in self.routes if one not in (route, OFFERED + route))
        return replace(self, routes=(*others, route if is_told else OFFERED + route))

    def may_be_known_to(self, route: str) -> bool:
        """Whether `route` was told of it, or may have been."""
        return route in self.routes or OFFERED + route in self.routes

    def is_to_be_repeated(self, now: float) -> bool:
        """Whether it is critical, was told as flapping long ago, and nobody looks at it."""
        waits = self.severity is Severity.CRITICAL and not self.acknowledged_by
        return waits and self.flaps.is_to_be_repeated(now)

    def as_dict(self) -> dict[str, Any]:
        """JSON form; what is not there is null."""
        at = self.acknowledged_at
        return {
            "agent": self.agent or None,
            "code": self.code,
            "severity": self.severity.value,
            "state": self.state.value,
            "since": timestamp(self.since),
            "flapping_since": timestamp(self.told_since) if self.flapping else None,
            "value": self.value,
            "acknowledged_by": self.acknowledged_by or None,
            "acknowledged_at": None if at is None else timestamp(at),
        }


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """What operators are to be told: one code that fires or is over, for all agents of a group."""

    code: str
    state: AlertState
    severity: Severity
    alerts: tuple[Alert, ...]
    flap: FlapNews = FlapNews.NONE

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(alert.agent for alert in self.alerts)
