"""What the panes of the full screen hold: rows of text, of the fleet as it is and of the hub."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import click

from fleet.cli import work_output
from fleet.cli.common import age
from fleet.contract.vocabulary import Word
from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.domain.agent_view import AgentView, worst_first
from fleet.domain.problems import Problem
from fleet.fleet_state import FleetState
from fleet.hub_client import HubClient
from fleet.settings import Settings

Rows = list[tuple[str, ...]]

MOST_TASKS: Final = 200
"""Tasks that are asked for each time; a queue may hold 10,000."""


class Pane(Word):
    """What can be looked at."""

    AGENTS = "agents", "every agent, worst first"
    GROUPS = "groups", "how many of each group are in which state, worst first"
    ALERTS = "alerts", "what is wrong now, worst first"
    WORK = "work", "tasks that have not ended, newest first"


COLUMNS: Final[dict[Pane, tuple[str, ...]]] = {
    Pane.AGENTS: ("agent", "state", "heard", "up", "checks", "alerts", "version"),
    Pane.GROUPS: ("group", "agents", "worst", "states"),
    Pane.ALERTS: ("severity", "agent", "code", "beside"),
    Pane.WORK: work_output.HEADINGS,
}


def rows_of(state: FleetState) -> dict[Pane, Rows]:
    """Every pane but that of work."""
    return {
        Pane.AGENTS: [_agent(view) for view in state.views],
        Pane.GROUPS: _groups(state.views),
        Pane.ALERTS: [_problem(problem) for problem in state.problems],
    }


def narrowed(rows: Rows, text: str) -> Rows:
    """Those with the text in one of their cells."""
    wanted = text.strip().lower()
    return [row for row in rows if any(wanted in cell.lower() for cell in row)]


async def open_tasks(settings: Settings) -> Rows:
    """Tasks of the hub that the settings name, or that serves this home; without one there are
    none.

    Raises:
        HubError: it is away or refuses.
    """
    hub = await asyncio.to_thread(HubClient.asked, settings)
    if hub is None:
        return []
    states = [("state", state.value) for state in TaskState if state not in FINAL]
    query = urlencode([("limit", str(MOST_TASKS)), *states])
    page = await asyncio.to_thread(hub.get, f"/v1/tasks?{query}")
    with hub.reading():
        return [_task(task) for task in page["tasks"]]


def _task(task: dict[str, Any]) -> tuple[str, ...]:
    return tuple(click.unstyle(cell) for cell in work_output.row(task))


def _agent(view: AgentView) -> tuple[str, ...]:
    troubled = [f"{p}:{c.value}" for p, c in view.checks.items() if c.value != "pass"]
    return (
        view.agent,
        view.state.value,
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
    return (problem.severity.value, problem.agent, problem.code, ", ".join(problem.remarks))
