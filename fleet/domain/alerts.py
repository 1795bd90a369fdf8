"""The life of an alert: it fires and resolves once, and is told in groups, once each.

What is true and what was told are two things. An alert is told when both differ for a while,
unless it is silenced. So a problem that came and went during maintenance is never told, one
that still exists at its end is told once, in a group, and a hub restart tells nothing again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.events import Event, Fact
from fleet.domain.severities import UNSTATED
from fleet.domain.silences import Silence

GROUP_WAIT: Final = 5.0
"""Seconds a change waits for others of its kind: one dead switch is one message, not fifty,
and a link that flaps within it is none."""

SETTLE: Final = 30.0
"""Seconds after a silence ends before what it held back is told: restarted agents report first."""

MAX_RESOLVED: Final = 10_000
"""Resolved alerts kept in memory; the store has the rest."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One problem of one agent; `agent` is empty for the hub's own.

    `state` is what is true, `notified` what operators were last told, and `notified_severity` how
    bad they were told it is. Times are the hub's clock in seconds since the epoch.
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

    @property
    def firing(self) -> bool:
        return self.state is AlertState.FIRING

    @property
    def is_notified(self) -> bool:
        """Whether operators know what is true, and that it is as bad as it is."""
        if self.state is not self.notified:
            return False
        known = self.notified_severity
        return not self.firing or known is None or self.severity.rank <= known.rank

    def as_dict(self) -> dict[str, Any]:
        """JSON form; what is not there is null."""
        at = self.acknowledged_at
        return {
            "agent": self.agent or None,
            "code": self.code,
            "severity": self.severity.value,
            "state": self.state.value,
            "since": timestamp(self.since),
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

    @property
    def agents(self) -> tuple[str, ...]:
        return tuple(alert.agent for alert in self.alerts)


@dataclass(slots=True)
class AlertBook:
    """Every alert by (agent, code), and every silence by id."""

    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)
    """Keys changed since the store last took them."""
    lifted: list[str] = field(default_factory=list)
    """Silences that ended, by hand or by time, since the store last took them."""
    _ended: list[tuple[Silence, float]] = field(default_factory=list)
    """Silences that ended, and until when what they covered is held back still."""
    _pending: set[tuple[str, str]] = field(default_factory=set)
    _firing: dict[str, dict[str, Alert]] = field(default_factory=dict)
    """What fires, by agent and code."""

    @classmethod
    def of(cls, alerts: Iterable[Alert], silences: Iterable[Silence] = ()) -> AlertBook:
        """The book as the store kept it."""
        book = cls({(a.agent, a.code): a for a in alerts}, {s.id: s for s in silences})
        for alert in book.alerts.values():
            book._index(alert)
        return book

    def apply(self, event: Event) -> bool:
        """Enter an event of the roster; whether it changed an alert."""
        if event.fact is Fact.ALERT_FIRING:
            severity = event.severity or UNSTATED
            return self.fire(event.agent, event.word, severity, event.at, event.amount)
        if event.fact is Fact.ALERT_RESOLVED:
            return self.resolve(event.agent, event.word, event.at)
        return False

    def fire(
        self, agent: str, code: str, severity: Severity, at: float, value: float | None = None
    ) -> bool:
        """A problem exists, or its latest statement differs; False if all of it was known."""
        known = self.alerts.get((agent, code))
        if known is None or not known.firing:
            notified = known.notified if known else AlertState.RESOLVED
            notified_severity = known.notified_severity if known else None
            fresh = Alert(agent, code, severity, AlertState.FIRING, at, notified, value)
            self._save(replace(fresh, notified_severity=notified_severity))
            return True
        later = replace(known, severity=severity, value=known.value if value is None else value)
        if later == known:
            return False
        self._save(later)
        return True

    def resolve(self, agent: str, code: str, at: float) -> bool:
        """A problem is over; False if it did not exist."""
        known = self.alerts.get((agent, code))
        if known is None or not known.firing:
            return False
        self._save(replace(known, state=AlertState.RESOLVED, since=at))
        return True

    def acknowledge(self, agent: str, code: str, by: str, at: float) -> bool:
        """Somebody looks at it; False if it does not fire."""
        known = self.alerts.get((agent, code))
        if known is None or not known.firing:
            return False
        self._save(replace(known, acknowledged_by=by, acknowledged_at=at))
        return True

    def fires(self, agent: str, code: str) -> bool:
        known = self.alerts.get((agent, code))
        return known is not None and known.firing

    def firing(self, agent: str | None = None) -> list[Alert]:
        """What is true now, worst and oldest first."""
        agents = self._firing if agent is None else [agent]
        found = [alert for name in agents for alert in self._firing.get(name, {}).values()]
        return sorted(found, key=lambda a: (-a.severity.rank, a.since, a.agent, a.code))

    def silence(self, silence: Silence) -> None:
        """Hold back what it covers until it ends."""
        self.silences[silence.id] = silence
        if silence.id in self.lifted:  # begun again before the end of it was stored
            self.lifted.remove(silence.id)

    def lift(self, silence_id: str, at: float) -> bool:
        """End a silence; False if there is none of that id."""
        silence = self.silences.pop(silence_id, None)
        if silence is None:
            return False
        self._ended.append((silence, at + SETTLE))
        self.lifted.append(silence_id)
        return True

    def firing_of(self, agent: str) -> Mapping[str, Alert]:
        """What is true of one agent now, by code."""
        return self._firing.get(agent, {})

    def is_silenced(self, alert: Alert) -> bool:
        return _covered(alert, self.silences.values())

    def is_held(self, alert: Alert) -> bool:
        """Whether a silence covers it, or did until a moment ago: nobody else waits for that."""
        ended = _covered(alert, (silence for silence, _ in self._ended))
        return ended or self.is_silenced(alert)

    def due(self, now: float) -> list[AlertGroup]:
        """What is to be told now, grouped by code; what is returned counts as told."""
        for silence in [s for s in self.silences.values() if s.until <= now]:
            self.lift(silence.id, silence.until)
        self._ended = [(silence, until) for silence, until in self._ended if now < until]
        groups: dict[tuple[str, AlertState], list[Alert]] = {}
        for key in sorted(self._pending):
            alert = self.alerts[key]
            if now - alert.since >= GROUP_WAIT and not self.is_held(alert):
                groups.setdefault((alert.code, alert.state), []).append(alert)
        for alerts in groups.values():
            for alert in alerts:
                severity = alert.severity if alert.firing else None
                self._save(replace(alert, notified=alert.state, notified_severity=severity))
        return [
            AlertGroup(
                code, state, max((a.severity for a in alerts), key=lambda s: s.rank), tuple(alerts)
            )
            for (code, state), alerts in groups.items()
        ]

    def forget(self, agent: str) -> None:
        """Drop an agent's alerts, as after its revocation."""
        for key in [key for key in self.alerts if key[0] == agent]:
            del self.alerts[key]
            self._pending.discard(key)
            self.changed.add(key)
        self._firing.pop(agent, None)

    def trim(self) -> None:
        """Bound the memory that resolved and told alerts take: the oldest go."""
        over = [a for a in self.alerts.values() if not a.firing and a.is_notified]
        for alert in sorted(over, key=lambda a: a.since)[: max(0, len(over) - MAX_RESOLVED)]:
            del self.alerts[alert.agent, alert.code]

    def _save(self, alert: Alert) -> None:
        key = (alert.agent, alert.code)
        self.alerts[key] = alert
        self.changed.add(key)
        self._index(alert)

    def _index(self, alert: Alert) -> None:
        key = (alert.agent, alert.code)
        if alert.firing:
            self._firing.setdefault(alert.agent, {})[alert.code] = alert
        elif alert.code in (firing := self._firing.get(alert.agent, {})):
            del firing[alert.code]
            if not firing:
                del self._firing[alert.agent]
        if alert.is_notified:
            self._pending.discard(key)
        else:
            self._pending.add(key)


def _covered(alert: Alert, silences: Iterable[Silence]) -> bool:
    return any(one.covers(alert.agent, alert.code, alert.severity) for one in silences)
