"""What is wrong with the fleet, in the order in which somebody should look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.contract.vocabulary import Check, Severity
from fleet.domain.agent_view import AgentView
from fleet.domain.liveness import PRESENCE_CODES
from fleet.domain.severities import UNSTATED, severity_of
from fleet.domain.verdict import Verdict

MAINTENANCE = "in maintenance"
SILENCED = "silenced"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `code` is an alert code, or `plane:check` without one.

    `held` says why nobody is to be woken by it; it then counts as information.
    """

    agent: str
    severity: Severity
    code: str
    held: str = ""

    def __str__(self) -> str:
        return f"{self.agent}: {self.code}{f' ({self.held})' if self.held else ''}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "agent": self.agent,
            "severity": self.severity.value,
            "code": self.code,
            "silenced": bool(self.held),
        }


def problems_of(views: Iterable[AgentView]) -> list[Problem]:
    """Problems of the agents in `views`, critical ones first, each agent's words only once."""
    found = [_weighed(view, *wrong) for view in views for wrong in _of_agent(view)]
    return sorted(found, key=lambda problem: (-problem.severity.rank, problem.agent, problem.code))


def alarm_of(view: AgentView) -> Severity | None:
    """The worst that is wrong with an agent; None: nothing, or nobody knows, as of `unknown`.

    An agent whose verdict is ok raises no alarm, whatever it warns of.
    """
    if view.state in (Verdict.OK, Verdict.UNKNOWN):
        return None
    return max((p.severity for p in problems_of([view])), key=lambda s: s.rank, default=None)


def _weighed(view: AgentView, weight: Severity, code: str) -> Problem:
    holding = [silence for silence in view.held if silence.covers(view.agent, code)]
    if not holding:
        return Problem(view.agent, weight, code)
    planned = any(silence.is_maintenance for silence in holding)
    return Problem(view.agent, Severity.INFO, code, MAINTENANCE if planned else SILENCED)


def _of_agent(view: AgentView) -> Iterable[tuple[Severity, str]]:
    presence = PRESENCE_CODES.get(view.state)
    if presence is not None:
        yield severity_of(presence, goodbye=view.goodbye), presence.value
    if view.state in (Verdict.OFFLINE, Verdict.STALE):
        return  # whatever it said before it went is no news of now
    for code in view.alerts:
        if code != presence:
            yield severity_of(code, goodbye=view.goodbye), code
    if view.alerts:
        return
    failing = [plane for plane, check in view.checks.items() if check is Check.FAIL]
    for plane in failing:
        yield UNSTATED, f"{plane}:fail"
    if view.state is Verdict.DEGRADED and not failing:
        yield UNSTATED, "not-ok"
