"""What is wrong with the fleet, in the order in which somebody should look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.contract.words import Check, Severity
from fleet.domain.liveness import PRESENCE_CODES, SEVERITIES
from fleet.domain.verdict import Verdict
from fleet.domain.view import AgentView

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `code` is an alert code, or `plane:check` without one."""

    agent: str
    severity: Severity
    code: str

    def as_dict(self) -> dict[str, Any]:
        return {"agent": self.agent, "severity": self.severity.value, "code": self.code}


def problems_of(views: Iterable[AgentView]) -> list[Problem]:
    """Problems of the agents in `views`, critical ones first, each agent's words only once."""
    found = [problem for view in views for problem in _of_agent(view)]
    return sorted(found, key=lambda problem: (_RANK[problem.severity], problem.agent, problem.code))


def _of_agent(view: AgentView) -> Iterable[Problem]:
    presence = PRESENCE_CODES.get(view.state)
    if presence is not None:
        yield Problem(view.agent, SEVERITIES[presence], presence.value)
    if view.state in (Verdict.OFFLINE, Verdict.STALE):
        return  # whatever it said before it went is no news of now
    for code in view.alerts:
        if code != presence:
            yield Problem(view.agent, Severity.WARNING, code)
    if view.alerts:
        return
    failing = [plane for plane, check in view.checks.items() if check is Check.FAIL]
    for plane in failing:
        yield Problem(view.agent, Severity.WARNING, f"{plane}:fail")
    if view.state is Verdict.DEGRADED and not failing:
        yield Problem(view.agent, Severity.WARNING, "not-ok")
