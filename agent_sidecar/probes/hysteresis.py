"""Alerts: what the evidence of the probes comes to, with hysteresis, across restarts.

A code fires after so many looks in a row that say so, and resolves after so many that do not:
one slow answer is no incident, and one good one no recovery. What is half way there is written
down too, since a one-shot `beat` is a new process at each look.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept, replace_text
from agent_sidecar.probes.base import AlertEvent, AlertEvidence, ProbeResult
from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import AlertCode, AlertState, Check, Severity

FIRE_AFTER: Final = 2
CLEAR_AFTER: Final = 2
"""Looks in a row. Two, so that a single look never decides."""

FORGET_AFTER: Final = 2
"""Looks in a row that could not tell, until what was known no longer counts: the plane says
`unknown`, and an alert that hangs on for ever would hide the next one."""

AT_ONCE: Final = frozenset(
    {
        AlertCode.PROCESS_DOWN.value,
        AlertCode.CONFIG_INVALID.value,
        AlertCode.CRON_FAILURE.value,
        AlertCode.AUTH_FAILURE.value,
        AlertCode.RESTART_LOOP.value,
    }
)
"""Codes whose one look is a fact and no measurement; they fire and end with it."""

MAX_TOLD: Final = 256
"""Events that are repeated after a crash, the newest: as many as wait for a full disk at most."""

MARGIN: Final = 0.03
"""Share of a threshold that a value must fall below it before its alert ends."""

_RANK: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


@dataclass(slots=True)
class _Source:
    """One source of one code: its settled word, how many looks in a row contradict that, and
    how many could not tell."""

    firing: bool = False
    severity: Severity = Severity.WARNING
    against: int = 0
    unknown: int = 0
    value: float | None = None
    threshold: float | None = None

    def weigh(self, code: str, evidence: AlertEvidence) -> None:
        firing = bool(evidence.firing) or (self.firing and _near(evidence))
        self.value, self.threshold = evidence.value, evidence.threshold
        self.unknown = 0
        self.against = 0 if firing == self.firing else self.against + 1
        needed = 1 if code in AT_ONCE else FIRE_AFTER if firing else CLEAR_AFTER
        if self.against >= needed:
            self.firing, self.against = firing, 0
        if evidence.firing:
            self.severity = evidence.severity

    def weigh_unknown(self) -> None:
        self.unknown = min(self.unknown + 1, FORGET_AFTER)
        if self.unknown == FORGET_AFTER:
            self.firing, self.against = False, 0


@dataclass(slots=True)
class _Condition:
    """One code: what is published of it, and what its sources say. No id: it does not fire."""

    id: str = ""
    severity: Severity = Severity.WARNING
    sources: dict[str, _Source] = field(default_factory=dict)

    def worst(self) -> _Source | None:
        firing = [source for source in self.sources.values() if source.firing]
        return max(firing, key=lambda source: _RANK.index(source.severity), default=None)


class Hysteresis:
    """Holds what is firing, across restarts, in one small file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = read_kept(path, _parsed, "the state of alerts")
        self._conditions, self._told, self._said = found or ({}, [], set())
        self._untold = list(self._told)
        # What cannot be believed is written anew at once, so that it is said only once.
        self._written = self._kept() if found or not path.exists() else {}

    def update(self, results: Iterable[ProbeResult], now: float) -> list[AlertEvent]:
        """Events of the codes that start or end with these results, in order of code.

        They may be the results of one probe only: a code without evidence in them keeps its
        state. Events are written down before they are returned; once the outbox has them on disk,
        call `save`. After a crash in between, the first call repeats them with the same ids.
        """
        for result in results:
            told = [evidence for evidence in result.evidence if evidence.firing is not None]
            for evidence in told:
                code = str(evidence.code)
                condition = self._conditions.setdefault(code, _Condition())
                condition.sources.setdefault(evidence.source, _Source()).weigh(code, evidence)
            if result.check is Check.UNKNOWN:
                self._weigh_unknown(result.probe, {str(evidence.code) for evidence in told})
        fresh = [event for code in sorted(self._conditions) for event in self._settle(code, now)]
        self._said.difference_update(e.code for e in fresh if e.state is AlertState.RESOLVED)
        events, self._untold = [*self._untold, *fresh], []
        self._told = _unpaired([*self._told, *fresh])[-MAX_TOLD:]
        with suppress(OSError):  # a full disk must not silence an alert; `save` will say so
            self._write()
        return events

    def record_own(self, code: str, state: str) -> None:
        """The agent published an alert of its own. It rides in the heartbeats until the agent or
        a probe ends it: a hub takes a code that is missing there for one that is over."""
        if state == AlertState.FIRING:
            self._said.add(code)
        else:
            self._said.discard(code)
        with suppress(OSError):  # the alert itself is safe in the outbox
            self._write()

    @property
    def waits(self) -> bool:
        """Whether there are events that a crash would have repeated."""
        return bool(self._told)

    def active(self) -> list[str]:
        """Codes firing now, sorted."""
        ours = {code for code, condition in self._conditions.items() if condition.id}
        return sorted(ours | self._said)

    def save(self) -> None:
        """The outbox has the events on disk: forget them. A full disk raises `OSError`."""
        self._told.clear()
        self._write()

    def retain(self, sources: Iterable[str]) -> None:
        """Drop the word of probes that are no longer there; the sidecar's own has no name."""
        known = {"", *sources}
        for condition in self._conditions.values():
            for source in condition.sources.keys() - known:
                del condition.sources[source]

    def _weigh_unknown(self, probe: str, told: Collection[str]) -> None:
        """What `probe` raised before and could not tell of this time."""
        for code, condition in self._conditions.items():
            source = condition.sources.get(probe)
            if source is not None and code not in told:
                source.weigh_unknown()

    def _settle(self, code: str, now: float) -> Iterable[AlertEvent]:
        """What is published of a code follows what its sources say.

        A severity that rises ends the milder alert, so that start and end always pair up.
        """
        condition = self._conditions[code]
        worst = condition.worst()
        rises = worst is not None and _RANK.index(worst.severity) > _RANK.index(condition.severity)
        if condition.id and (worst is None or rises):
            last = worst or next(iter(condition.sources.values()), _Source())
            yield _event(code, condition, AlertState.RESOLVED, last, now)
            condition.id = ""
        if worst is not None and not condition.id:
            condition.id, condition.severity = ulid(time.time()), worst.severity
            yield _event(code, condition, AlertState.FIRING, worst, now)

    def _write(self) -> None:
        kept = self._kept()
        if kept != self._written:
            replace_text(self._path, json.dumps(kept))
            self._written = kept

    def _kept(self) -> dict[str, Any]:
        """What is written down, as JSON has it."""
        codes = {
            code: {
                "id": condition.id,
                "severity": condition.severity,
                "sources": {
                    name: [source.firing, source.severity, source.against, source.unknown]
                    for name, source in condition.sources.items()
                    if source.firing or source.against
                },
            }
            for code, condition in self._conditions.items()
            if condition.id or any(one.against for one in condition.sources.values())
        }
        told = [[e.code, e.severity, e.state, e.at, e.id, e.value, e.threshold] for e in self._told]
        return {"codes": codes, "untold": told, "said": sorted(self._said)}


def _event(
    code: str, condition: _Condition, state: AlertState, source: _Source, now: float
) -> AlertEvent:
    value, threshold = source.value, source.threshold
    return AlertEvent(code, condition.severity, state, now, condition.id, value, threshold)


def _unpaired(events: list[AlertEvent]) -> list[AlertEvent]:
    """Without alerts that have begun and ended: whoever heard of one, or did not, hears in the next
    heartbeat that it is over."""
    times = Counter(event.id for event in events)
    return [event for event in events if times[event.id] == 1]


def _near(evidence: AlertEvidence) -> bool:
    """Whether a value is still too close to the threshold it had crossed to call it over."""
    if evidence.value is None or evidence.threshold is None:
        return False
    return evidence.value > evidence.threshold * (1 - MARGIN)


def _parsed(stored: dict[str, Any]) -> tuple[dict[str, _Condition], list[AlertEvent], set[str]]:
    """
    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not what `_kept` makes.
    """
    conditions = {
        code: _Condition(
            id=_text_of(one["id"]),
            severity=Severity(one["severity"]),
            sources={
                source: _Source(_flag(firing), Severity(severity), *map(_count, counts))
                for source, (firing, severity, *counts) in one["sources"].items()
            },
        )
        for code, one in stored["codes"].items()
    }
    untold = [
        AlertEvent(
            _text_of(code), Severity(severity), AlertState(state), float(at), _text_of(alert_id),
            _number(value), _number(threshold),
        )
        for code, severity, state, at, alert_id, value, threshold in stored["untold"]
    ]  # fmt: skip
    return conditions, untold, {_text_of(code) for code in stored.get("said", ())}


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _number(value: object) -> float | None:
    if value is not None and type(value) not in (int, float):
        raise TypeError
    return value  # type: ignore[return-value]
