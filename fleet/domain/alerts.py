"""The life of an alert: it fires and resolves once, and is told in groups, once each.

What is true and what was told are two things. An alert is told when both differ for a while,
unless it is silenced. So a problem that came and went during maintenance is never told, one
that still exists at its end is told once, in a group, and a hub restart tells nothing again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain import flapping
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.alerts_in_hand import AlertsInHand
from fleet.domain.events import Event, Fact
from fleet.domain.flapping import STEADY, FlapLimits, FlapNews
from fleet.domain.hub_clock import Step
from fleet.domain.severities import UNSTATED
from fleet.domain.silence_book import SilenceBook
from fleet.domain.silences import Silence

GROUP_WAIT: Final = 5.0
"""Seconds a change waits for others of its kind: one dead switch is one message, not fifty,
and a link that flaps within it is none."""

MAX_RESOLVED: Final = 10_000
"""Resolved alerts kept in memory; the store has the rest."""


@dataclass(slots=True)
class AlertBook(SilenceBook):
    """Every alert by (agent, code), and every silence by id."""

    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)
    """Keys changed since the store last took them."""
    _pending: set[tuple[str, str]] = field(default_factory=set)
    _leaving: set[tuple[str, str]] = field(default_factory=set)
    """Alerts of agents that left, of which operators are to be told the end; then they go."""
    _standing: dict[str, dict[str, Alert]] = field(default_factory=dict)
    """What fires or flaps, by agent and code."""
    _flapping: set[tuple[str, str]] = field(default_factory=set)
    _in_hand: AlertsInHand = field(default_factory=AlertsInHand)
    _episodes: int = 0
    """How many began since the start."""
    limits: FlapLimits = flapping.DEFAULT

    @classmethod
    def of(
        cls,
        alerts: Iterable[Alert],
        silences: Iterable[Silence] = (),
        limits: FlapLimits = flapping.DEFAULT,
    ) -> AlertBook:
        """The book as the store kept it."""
        book = cls(alerts={(a.agent, a.code): a for a in alerts})
        for silence in silences:
            book.silence(silence)
        book.limits = limits
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
            fresh = Alert(agent, code, severity, AlertState.FIRING, at, value=value)
            self._save(self._begun(known, fresh))
            return True
        later = replace(known, severity=severity, value=known.value if value is None else value)
        if later == known:
            return False
        self._save(later)
        return True

    def _begun(self, known: Alert | None, fresh: Alert) -> Alert:
        """`fresh`, with what is kept of the time before: what was told, and how often it came.
        Who looks at what flaps looks at it also when it comes again. It is of the same episode
        until operators were told the end."""
        self._episodes += 1
        before = known or replace(fresh, state=AlertState.RESOLVED)
        flaps = before.flaps.fired(fresh.since, self.limits)
        kept = before if before.flapping else fresh
        return replace(
            fresh,
            notified=before.notified,
            notified_severity=before.notified_severity,
            flaps=flaps,
            told_at=before.told_at,
            routes=before.routes,
            episode=before.episode if before.may_be_known else self._episodes,
            acknowledged_by=kept.acknowledged_by,
            acknowledged_at=kept.acknowledged_at,
        )

    def resolve(self, agent: str, code: str, at: float) -> bool:
        """A problem is over; False if it did not exist."""
        known = self.alerts.get((agent, code))
        if known is None or not known.firing:
            return False
        self._save(replace(known, state=AlertState.RESOLVED, since=at))
        return True

    def acknowledge(self, agent: str, code: str, by: str, at: float) -> bool:
        """Somebody looks at it; False if it neither fires nor flaps."""
        known = self.alerts.get((agent, code))
        if known is None or not known.stands:
            return False
        self._save(replace(known, acknowledged_by=by, acknowledged_at=at))
        return True

    def give(self, alert: Alert, route: str, *, is_told: bool = True) -> None:
        """Note that `route` was told of it; before it `is_told`, that it is about to be. `alert` as
        it was given: what began anew since then is another one, of which `route` knows nothing."""
        key = (alert.agent, alert.code)
        if (known := self.alerts.get(key)) and (known.stands or known.may_be_known):
            later = known.known_to(route, is_told=is_told, of=alert)
            if later != known:
                self._save(later)
        if self._in_hand.give(alert, route, is_told=is_told):
            self.changed.add(key)

    def is_behind(self, alert: Alert) -> bool:
        """Whether what it was before is on its way to the routes still, and not to be overtaken."""
        return self._in_hand.has_earlier(alert)

    def fires(self, agent: str, code: str) -> bool:
        known = self.alerts.get((agent, code))
        return known is not None and known.firing

    def firing(self, agent: str | None = None) -> list[Alert]:
        """What fires or flaps now, worst and oldest first."""
        agents = self._standing if agent is None else [agent]
        found = [alert for name in agents for alert in self._standing.get(name, {}).values()]
        return sorted(found, key=lambda a: (-a.severity.rank, a.since, a.agent, a.code))

    def firing_of(self, agent: str) -> Mapping[str, Alert]:
        """What fires or flaps of one agent now, by code."""
        return self._standing.get(agent, {})

    def subjects(self, prefix: str) -> list[str]:
        """Who something fires or flaps of, by how they are called."""
        return [name for name in self._standing if name.startswith(prefix)]

    def due(self, now: float, among: Container[tuple[str, str]] | None = None) -> list[AlertGroup]:
        """What is to be told now, grouped by code, of all keys or those `among`. It is not due
        again, but counts as told for good only with `settle`. The store is to know that it is being
        told before any route has it (`kept`)."""
        self.keep_time(now)
        repeated = self._look_at_flapping(now)
        groups: dict[tuple[str, AlertState, FlapNews], list[Alert]] = {}
        for key in sorted(self._pending | repeated):
            if among is not None and key not in among:
                continue
            alert = self.alerts[key]
            held = key not in self._leaving and self.is_held(alert)
            if now - alert.told_since >= GROUP_WAIT and not held:
                groups.setdefault((alert.code, alert.telling, alert.flaps.news), []).append(alert)
        for alerts in groups.values():
            for alert in alerts:
                self._was_told(alert, now)
        return [
            AlertGroup(
                code,
                state,
                max((a.as_told.severity for a in alerts), key=lambda s: s.rank),
                tuple(one.as_told for one in alerts),
                flap,
            )
            for (code, state, flap), alerts in groups.items()
        ]

    def settle(self, group: AlertGroup) -> None:
        """The routes have on disk what they are to tell of `group`, the oldest that is not."""
        for alert in group.alerts:
            key = (alert.agent, alert.code)
            if self._in_hand.settle(key):
                self.changed.add(key)

    def kept(self, key: tuple[str, str]) -> Alert | None:
        """An alert as a restart is to know it; None: it is to be forgotten."""
        return self._in_hand.kept(key, self.alerts.get(key))

    def _look_at_flapping(self, now: float) -> set[tuple[str, str]]:
        """Let what kept one state settle; what still flaps and is to be told again."""
        again = set()
        for key in list(self._flapping):
            alert = self.alerts[key]
            if alert.flaps.is_calm(alert.since, now, self.limits):
                self._save(replace(alert, flaps=alert.flaps.settled))
            elif alert.is_to_be_repeated(now):
                again.add(key)
        return again

    def _was_told(self, alert: Alert, now: float) -> None:
        key = (alert.agent, alert.code)
        self._in_hand.add(alert)
        severity = alert.as_told.severity if alert.stands else None
        known = replace(alert, notified=alert.telling, notified_severity=severity)
        if not alert.stands:
            known = replace(known, told_at=None, routes=())
        elif alert.notified is not AlertState.FIRING or alert.told_at is None:
            known = replace(known, told_at=now)
        self._save(replace(known, flaps=alert.flaps.told(now)))
        if key in self._leaving:
            self._drop(key)

    def restamp(self, step: Step) -> list[Silence]:
        """The hub's stamps moved; the silences that end at another time now."""
        for key, alert in self.alerts.items():
            at = alert.acknowledged_at
            later = replace(
                alert,
                since=step.moved(alert.since),
                acknowledged_at=None if at is None else step.moved(at),
                flaps=alert.flaps.moved(step),
                told_at=None if alert.told_at is None else step.moved(alert.told_at),
            )
            if later != alert:
                self.alerts[key] = later
                self.changed.add(key)
                self._index(later)
        return self._restamp_silences(step)

    def forget(self, agent: str, at: float) -> int:
        """Drop the alerts and silences of an agent that left, as after its revocation.

        An alert that somebody was told of ends first: the end is told whatever holds it back, since
        nobody is left to say it later. How many such there are. A window stays, open or ended by
        hand: without it the settings would open it anew.
        """
        for key in [key for key in self.alerts if key[0] == agent]:
            self._leave(key, at)
        for silence in self.silences_of(agent):
            if not silence.is_window:  # of the settings, which still name it
                self._end_silence(silence.id)
        return self.ending(agent)

    def ending(self, agent: str) -> int:
        """How many alerts of an agent that left end for somebody who was told of them."""
        return sum(key[0] == agent for key in self._leaving)

    def forget_strangers(self, known: Container[str], at: float) -> None:
        """After a restart: what is over of agents that are not `known` was left by their going."""
        for agent, code in [k for k, a in self.alerts.items() if k[0] and not a.firing]:
            if agent not in known:
                self._leave((agent, code), at)

    def rename(self, old: str, new: str, at: float, *, moved: bool) -> list[Silence]:
        """What was of the agent `old` is of `new`; the silences that are so by now.

        `moved`: nobody was heard as `new` yet, so what fires of `old` fires of `new`, and is told
        under its name. Else `new` says itself what is true of it, and only what somebody
        acknowledged stays acknowledged. The end of what was told of `old` is told.
        """
        for key, alert in [(k, a) for k, a in self.alerts.items() if k[0] == old]:
            target = self.alerts.get((new, alert.code))
            if target is None:
                if moved or not alert.firing:
                    untold = replace(
                        alert,
                        notified=AlertState.RESOLVED,
                        notified_severity=None,
                        told_at=None,
                        routes=(),
                    )
                    flaps = replace(alert.flaps, told_at=None)
                    self._save(replace(untold, agent=new, flaps=flaps))
            elif target.firing and alert.acknowledged_by and not target.acknowledged_by:
                by, seen_at = alert.acknowledged_by, alert.acknowledged_at
                self._save(replace(target, acknowledged_by=by, acknowledged_at=seen_at))
            self._leave(key, at)
        renamed = []
        for silence in self.silences_of(old):
            self._end_silence(silence.id)
            if moved or not silence.is_own_word:
                renamed.append(silence.of_agent(new))
        for silence in renamed:
            self.silence(silence)
        return renamed

    def _leave(self, key: tuple[str, str], at: float) -> None:
        alert = self.alerts[key]
        if not alert.may_be_known:
            self._drop(key)
            return
        since = at if alert.firing else alert.since
        self._save(replace(alert, state=AlertState.RESOLVED, since=since, flaps=STEADY))
        self._leaving.add(key)

    def _drop(self, key: tuple[str, str]) -> None:
        alert = self.alerts.pop(key)
        self._unindex(alert)
        self._flapping.discard(key)
        self._pending.discard(key)
        self._leaving.discard(key)
        self.changed.add(key)

    def trim(self) -> None:
        """Bound the memory that resolved and told alerts take: the oldest go."""
        waits = self.changed | self._in_hand.keys
        stored = (a for key, a in self.alerts.items() if key not in waits)
        over = [a for a in stored if not a.stands and a.is_notified]
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
            self._leaving.discard(key)  # whoever left is back
        if alert.stands:
            self._standing.setdefault(alert.agent, {})[alert.code] = alert
        else:
            self._unindex(alert)
        for keys, belongs in (
            (self._pending, not alert.is_notified),
            (self._flapping, alert.flapping),
        ):
            (keys.add if belongs else keys.discard)(key)

    def _unindex(self, alert: Alert) -> None:
        standing = self._standing.get(alert.agent, {})
        if standing.pop(alert.code, None) is not None and not standing:
            del self._standing[alert.agent]
