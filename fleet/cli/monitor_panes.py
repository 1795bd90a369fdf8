"""What the panes of the full screen hold: rows of text, of the fleet as it is and of the hub."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from fleet.cli import forecast, pair, rollout_output, work_output
from fleet.cli.common import age
from fleet.contract.vocabulary import Word
from fleet.domain.agent_view import AgentView, worst_first
from fleet.domain.problems import Problem
from fleet.fleet_page import FleetPage

Rows = list[tuple[str, ...]]


class Pane(Word):
    """What can be looked at."""

    AGENTS = "agents", "every agent, worst first"
    GROUPS = "groups", "how many of each group are in which state, worst first"
    ALERTS = "alerts", "what is wrong now, worst first"
    WORK = "work", "tasks that have not ended, newest first"
    ROLLOUTS = "rollouts", "the newest rollouts, with how many are done, failed and left"
    PAIRS = "pairs", "who is active in each pair, and who stands by"
    FORECAST = "forecast", "what runs out, the soonest end first"


COLUMNS: Final[dict[Pane, tuple[str, ...]]] = {
    Pane.AGENTS: ("agent", "state", "heard", "up", "checks", "alerts", "version"),
    Pane.GROUPS: ("group", "agents", "worst", "states"),
    Pane.ALERTS: ("severity", "agent", "code", "beside"),
    Pane.WORK: work_output.HEADINGS,
    Pane.ROLLOUTS: rollout_output.HEADINGS,
    Pane.PAIRS: pair.HEADINGS,
    Pane.FORECAST: forecast.HEADINGS,
}


SITE: Final = "site"
"""A further column of the agents, where there are several sites."""


def rows_of(page: FleetPage) -> dict[Pane, Rows]:
    """The panes that need no hub; `monitor_hub_panes` fills the others. The groups are those of the
    agents on the page."""
    has_sites = any(view.site for view in page.views)
    agents = [_agent(view) + ((view.site,) if has_sites else ()) for view in page.views]
    return {
        Pane.AGENTS: agents,
        Pane.GROUPS: _groups(page.views),
        Pane.ALERTS: [_problem(problem) for problem in (*page.own, *page.problems)],
    }


def narrowed(rows: Rows, text: str) -> Rows:
    """Those with the text in one of their cells."""
    wanted = text.strip().lower()
    return [row for row in rows if any(wanted in cell.lower() for cell in row)]


def _agent(view: AgentView) -> tuple[str, ...]:
    troubled = [f"{p}:{c.value}" for p, c in view.checks.items() if c.value != "pass"]
    return (
        view.agent,
        view.state.value + (" (site lost)" if view.site_lost else ""),
        f"{age(view.age)} ago" if view.age is not None else "never",
        age(view.uptime),
        ",".join(troubled) or f"{len(view.checks)} pass",
        ",".join(view.alerts) or "none",
        (view.versions or {}).get("agent", "unknown"),
    )


def _groups(views: Iterable[AgentView]) -> Rows:
    members: dict[str, list[AgentView]] = defaultdict(list)
    for view in worst_first(views):
        for group in view.groups or ("none",):
            members[group].append(view)
    return [(name, str(len(found)), *_states(found)) for name, found in members.items()]


def _states(views: Sequence[AgentView]) -> tuple[str, str]:
    counts = Counter(view.state.value for view in views)
    return views[0].state.value, ", ".join(f"{count} {state}" for state, count in counts.items())


def _problem(problem: Problem) -> tuple[str, ...]:
    return (problem.severity.value, problem.subject, problem.code, ", ".join(problem.remarks))
