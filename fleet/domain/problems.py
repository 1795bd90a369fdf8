"""What is wrong with the fleet, how much it matters, and the exit code that says so.

Every door (command line, HTTP, page, MCP, metrics) asks here, and only renders the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from fleet.contract.vocabulary import Check, HubAlertCode, Severity
from fleet.domain.agent_view import AgentView
from fleet.domain.liveness import PRESENCE_CODES
from fleet.domain.severities import PLANES, UNSTATED, severity_of, severity_of_plane
from fleet.domain.silences import Silence
from fleet.domain.verdict import Verdict

MAINTENANCE: Final = "in maintenance"
SILENCED: Final = "silenced"
FLAPPING: Final = "flapping"

HUB: Final = "hub"
"""Whose problem it is, where it is the hub's own."""

NOT_OK: Final = "not-ok"
"""The code of an agent that says it is not well, where no alert and no plane says more."""


class ExitCode(IntEnum):
    """What a check ends with, as Nagios, cron and launchd read it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `code` is an alert code, or `plane:check` without one.

    `held` says why nobody is to be woken by it; it then counts as information. `flapping`: it comes
    and goes, and counts as what it is until it has settled. `site`: whose hub tells it, where that
    is another one's than the hub that was asked.
    """

    agent: str
    severity: Severity
    code: str
    held: str = ""
    flapping: bool = False
    site: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self._code}"

    @property
    def subject(self) -> str:
        """Whose it is, in words."""
        return f"{HUB} of {self.site}" if self.site and self.agent == HUB else self.agent

    @property
    def of_agent(self) -> str:
        """It in words where the agent's name stands above."""
        return f"{self.severity.value} {self._code}"

    @property
    def _code(self) -> str:
        beside = ", ".join(self.remarks)
        return f"{self.code} ({beside})" if beside else self.code

    @property
    def remarks(self) -> list[str]:
        """What stands in brackets behind the code, at every door."""
        return [*([FLAPPING] if self.flapping else []), *([self.held] if self.held else [])]

    def as_dict(self) -> dict[str, Any]:
        return {
            "agent": self.agent,
            "severity": self.severity.value,
            "code": self.code,
            "silenced": bool(self.held),
            "held": self.held or None,
            "flapping": self.flapping,
            **({"site": self.site} if self.site else {}),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Problem:
        """What `as_dict` made."""
        severity, held = Severity(data["severity"]), data["held"] or ""
        flapping, site = data.get("flapping", False), data.get("site", "")
        return cls(data["agent"], severity, data["code"], held, flapping, site)


def problems_of(views: Iterable[AgentView]) -> list[Problem]:
    """Problems of the agents in `views`, critical ones first, each agent's words only once."""
    return in_order(
        weighed(view.held, view.agent, *wrong, flapping=wrong[1] in view.flapping)
        for view in views
        for wrong in _of_agent(view)
    )


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The worst first, then by agent and code."""
    return sorted(problems, key=lambda found: (-found.severity.rank, found.agent, found.code))


def weighed(
    silences: Iterable[Silence],
    agent: str,
    severity: Severity,
    code: str,
    name: str = "",
    *,
    flapping: bool = False,
) -> Problem:
    """What is wrong with `agent`, called `name`, where `silences` hold: what one of them covers is
    information."""
    codes = (code, HubAlertCode.AGENT_DEGRADED) if is_of_degraded(code) else (code,)
    holding = [s for s in silences if any(s.covers(agent, one, severity) for one in codes)]
    if not holding:
        return Problem(name or agent, severity, code, flapping=flapping)
    planned = any(silence.is_maintenance for silence in holding)
    held = MAINTENANCE if planned else SILENCED
    return Problem(name or agent, Severity.INFO, code, held, flapping)


def is_of_degraded(code: str) -> bool:
    """Whether it is no alert, but what `agent-degraded` is about: who silences that is to be quiet
    about this, too."""
    return code == NOT_OK or ":" in code


def alarm_of(view: AgentView) -> Severity | None:
    """The worst that is wrong with an agent and held back by nobody; INFO where all of it is held
    back; None: nothing, or nobody knows, as of `unknown`."""
    return max((p.severity for p in problems_of([view])), key=lambda s: s.rank, default=None)


def exit_code(views: Iterable[AgentView], others: Iterable[Problem] = ()) -> ExitCode:
    """The worst that is wrong with any of them, or among `others`, as the hub's own problems.
    Where nothing is, but of somebody nothing is known, or there is nobody, that is unknown: never
    ok."""
    every = list(views)
    found = [*map(alarm_of, every), *(p.severity for p in others if not p.held)]
    unknown = not every or any(view.state is Verdict.UNKNOWN for view in every)
    return code_of(found, unknown=unknown)


def code_of(alarms: Iterable[Severity | None], *, unknown: bool) -> ExitCode:
    """The exit code of `alarms`; `unknown`: of somebody nothing is known, or there is nobody."""
    worst = max(filter(None, alarms), key=lambda s: s.rank, default=None)
    if worst is Severity.CRITICAL:
        return ExitCode.CRITICAL
    if worst is Severity.WARNING:
        return ExitCode.WARNING
    return ExitCode.UNKNOWN if unknown else ExitCode.OK


def described(view: AgentView, known: Sequence[Problem] | None = None) -> dict[str, Any]:
    """The JSON item of an agent: what is known of it, and what of that is wrong; `known`: as its
    hub said it, who knows what is silenced."""
    problems = problems_of([view]) if known is None else known  # the worst first
    return view.as_dict() | {
        "severity": problems[0].severity.value if problems else None,
        "problems": [problem.as_dict() for problem in problems],
    }


def _of_agent(view: AgentView) -> Iterable[tuple[Severity, str]]:
    presence = PRESENCE_CODES.get(view.state)
    if presence is not None:
        yield severity_of(presence, goodbye=view.goodbye), presence.value
    # What `agent-degraded` says the planes and `not-ok` below say in more words.
    alerts = [c for c in view.alerts if c not in (presence, HubAlertCode.AGENT_DEGRADED)]
    gone = view.state in (Verdict.OFFLINE, Verdict.STALE)
    if gone:
        alerts = _beside_its_absence(view, alerts, presence)
    for code in alerts:
        yield view.severities.get(code) or severity_of(code), code
    if gone:
        return
    failing = [plane for plane, check in view.checks.items() if check is Check.FAIL]
    for plane in failing:
        if PLANES.get(plane) not in alerts:
            yield severity_of_plane(plane), f"{plane}:fail"
    if view.state is Verdict.DEGRADED and not (failing or alerts):
        yield UNSTATED, NOT_OK


def _beside_its_absence(view: AgentView, alerts: list[str], presence: str | None) -> list[str]:
    """What an agent said before it went says nothing of now. But where somebody silenced just that
    it is gone, what else fires, and nobody silenced, must not go under with it."""

    def is_held(code: str, severity: Severity) -> bool:
        return any(silence.covers(view.agent, code, severity) for silence in view.held)

    if presence is None or not is_held(presence, severity_of(presence, goodbye=view.goodbye)):
        return []
    stated = ((code, view.severities.get(code) or severity_of(code)) for code in alerts)
    return [code for code, severity in stated if not is_held(code, severity)]
