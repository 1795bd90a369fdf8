"""What is known of the agent: the latest result of each probe, and what the agent says itself.

Pure; time is an argument (monotonic s). A result that is too old is `unknown`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent_sidecar.probes import unwatched
from agent_sidecar.probes.base import ProbeResult
from fleet.contract.vocabulary import Check, State

_WORST: Final = (Check.FAIL, Check.WARN, Check.UNKNOWN, Check.PASS)
"""One plane may have several probes; an unknown one hides a pass but not a problem."""

_HELD: Final = (State.STARTING, State.MAINTENANCE, State.DEGRADED, State.STOPPING)
"""States that an agent claims for itself and that stay until it says another."""


@dataclass(slots=True)
class SelfReport:
    """What the agent last said of itself through the drop directory."""

    ok: bool = True
    ok_until: float = 0.0
    state: str = State.RUNNING
    versions: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    alerts: Sequence[str] = ()


class ObservedState:
    """Collects results; `max_age` (s) is how long one counts."""

    def __init__(self, max_age: float) -> None:
        self._max_age = max_age
        self._latest: dict[str, tuple[float, ProbeResult]] = {}
        self._self_report = SelfReport()
        self._checks: tuple[float, float, dict[str, str]] | None = None
        """From when to when they hold, and what they are."""

    def record(self, probe: str, result: ProbeResult, now: float) -> None:
        self._latest[probe] = (now, result)
        self._checks = None

    def record_heartbeat(self, message: Mapping[str, Any], now: float) -> None:
        """The agent published a bus heartbeat of its own: its word counts for 2.5 intervals."""
        self._checks = None
        self._self_report.ok = bool(message["ok"])
        self._self_report.ok_until = now + 2.5 * float(message.get("interval", 600))
        self._self_report.checks = message.get("checks", {})
        self._self_report.metrics = message.get("metrics", {})
        self._self_report.alerts = message.get("alerts", ())

    def record_status(self, state: str, versions: Mapping[str, str]) -> None:
        """The agent published a status of its own. Which versions it named holds until it names
        others; that of the sidecar is not the agent's to say."""
        named = {name: text for name, text in versions.items() if name != "sidecar"}
        self._self_report.state = state
        self._self_report.versions = {**self._self_report.versions, **named}

    @property
    def claimed(self) -> tuple[str, Mapping[str, str]]:
        """State and versions, by the agent's own word."""
        return self._self_report.state, self._self_report.versions

    def results(self, now: float) -> list[ProbeResult]:
        """The latest of each probe; the agent's own word takes the place of watching nothing."""
        vouched = now <= self._self_report.ok_until
        return [
            self._aged(when, result, now)
            for probe, (when, result) in self._latest.items()
            if not (vouched and probe == unwatched.NAME)
        ]

    def checks(self, now: float) -> Mapping[str, str]:
        """By plane, the worst that a probe finds or that the agent lately said. A message asks
        several times in one moment, and commands between two looks get the same."""
        if self._checks is None or not self._checks[0] <= now < self._checks[1]:
            self._checks = now, self._changes_by_age(now), self._worst_by_plane(now)
        return self._checks[2]

    def _changes_by_age(self, now: float) -> float:
        """When the next of what is known is too old."""
        moments = (when + self._max_age for when, _ in self._latest.values())
        return min(
            (at for at in (*moments, self._self_report.ok_until) if at >= now), default=math.inf
        )

    def _worst_by_plane(self, now: float) -> dict[str, str]:
        own = self._self_report.checks if now <= self._self_report.ok_until else {}
        found = [(result.plane, result.check) for result in self.results(now)]
        checks: dict[str, str] = {}
        for plane, check in (*found, *own.items()):
            known = checks.get(plane, Check.PASS)
            checks[plane] = min(Check(check), Check(known), key=_WORST.index).value
        return checks

    def ok(self, now: float) -> bool:
        """No plane fails, and the agent did not lately say otherwise."""
        said = self._self_report.ok or now > self._self_report.ok_until
        return said and Check.FAIL.value not in self.checks(now).values()

    def state(self, now: float) -> State:
        if self._self_report.state in _HELD:
            return State(self._self_report.state)
        return State.RUNNING if self.ok(now) else State.DEGRADED

    def metrics(self, now: float) -> list[Mapping[str, float]]:
        """By precedence: the agent's own words, then the probes'."""
        own = self._self_report.metrics if now <= self._self_report.ok_until else {}
        return [own, *(result.metrics for result in self.results(now))]

    def alerts(self, now: float) -> Sequence[str]:
        """Codes that the agent lately said are firing."""
        return self._self_report.alerts if now <= self._self_report.ok_until else ()

    def versions(self) -> dict[str, str]:
        """What probes find, and where none does, the agent's own word."""
        found = dict(self._self_report.versions)
        for _, result in self._latest.values():
            found.update(result.versions)
        return found

    def uptime(self, now: float) -> float | None:
        """Seconds, of the agent's process, brought forward to now."""
        for when, result in self._latest.values():
            if result.uptime is not None and now - when <= self._max_age:
                return round(result.uptime + now - when, 3)
        return None

    def config(self) -> str | None:
        digests = (result.config for _, result in self._latest.values())
        return next((digest for digest in digests if digest), None)

    def _aged(self, when: float, result: ProbeResult, now: float) -> ProbeResult:
        if now - when <= self._max_age:
            return result
        return ProbeResult(result.plane, Check.UNKNOWN)
