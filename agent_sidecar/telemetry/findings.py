"""What is known of the agent: the latest finding of each probe, and what the agent says itself.

Pure; time is an argument (monotonic s). A finding that is too old is `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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
    metrics: Mapping[str, float] = field(default_factory=dict)
    alerts: Sequence[str] = ()


class ObservedState:
    """Collects findings; `max_age` (s) is how long one counts."""

    def __init__(self, max_age: float) -> None:
        self._max_age = max_age
        self._latest: dict[str, tuple[float, ProbeResult]] = {}
        self._claim = SelfReport()

    def put(self, probe: str, finding: ProbeResult, now: float) -> None:
        self._latest[probe] = (now, finding)

    def heartbeat_said(self, message: Mapping[str, Any], now: float) -> None:
        """The agent published a bus heartbeat of its own: its word counts for 2.5 intervals."""
        self._claim.ok = bool(message["ok"])
        self._claim.ok_until = now + 2.5 * float(message.get("interval", 600))
        self._claim.metrics = message.get("metrics", {})
        self._claim.alerts = message.get("alerts", ())

    def status_said(self, state: str) -> None:
        self._claim.state = state

    def findings(self, now: float) -> list[ProbeResult]:
        return [self._aged(when, finding, now) for when, finding in self._latest.values()]

    def checks(self, now: float) -> dict[str, str]:
        checks: dict[str, str] = {}
        for finding in self.findings(now):
            known = checks.get(finding.plane, Check.PASS)
            checks[finding.plane] = min(finding.check, Check(known), key=_WORST.index).value
        return checks

    def ok(self, now: float) -> bool:
        """No plane fails, and the agent did not lately say otherwise."""
        said = self._claim.ok or now > self._claim.ok_until
        return said and Check.FAIL.value not in self.checks(now).values()

    def state(self, now: float) -> State:
        if self._claim.state in _HELD:
            return State(self._claim.state)
        return State.RUNNING if self.ok(now) else State.DEGRADED

    def metrics(self, now: float) -> list[Mapping[str, float]]:
        """By precedence: the agent's own words, then the probes'."""
        own = self._claim.metrics if now <= self._claim.ok_until else {}
        return [own, *(finding.metrics for finding in self.findings(now))]

    def alerts(self, now: float) -> Sequence[str]:
        """Codes that the agent lately said are firing."""
        return self._claim.alerts if now <= self._claim.ok_until else ()

    def versions(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _, finding in self._latest.values():
            found.update(finding.versions)
        return found

    def uptime(self, now: float) -> float | None:
        """Seconds, of the agent's process, brought forward to now."""
        for when, finding in self._latest.values():
            if finding.uptime is not None and now - when <= self._max_age:
                return round(finding.uptime + now - when, 3)
        return None

    def config(self) -> str | None:
        digests = (finding.config for _, finding in self._latest.values())
        return next((digest for digest in digests if digest), None)

    def _aged(self, when: float, finding: ProbeResult, now: float) -> ProbeResult:
        if now - when <= self._max_age:
            return finding
        return ProbeResult(finding.plane, Check.UNKNOWN)
