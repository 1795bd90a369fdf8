"""`fleet check`: the fleet as one line for Nagios, cron and launchd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import note, say, with_connection
from fleet.contract.errors import FleetError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.agent_view import AgentView
    from fleet.domain.problems import Problem

UNKNOWN = 3
"""The exit code where nothing can be told; see `fleet.domain.problems.ExitCode`."""

NAMED = 5
"""Agents named in the line; the rest is counted."""


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT...]", shell_complete=complete_agents)
@with_connection
def check(settings: Settings, agents: Sequence[str]) -> int:
    """One line and an exit code: 0 ok, 1 warning, 2 critical, 3 unknown.

    The worst that is wrong with any agent counts, as its alert states it. Offline and stale are
    critical; late, ghost and a stop that was announced are warnings; who was never heard is
    unknown. What is in maintenance or silenced at the hub is named, and is no alarm.
    """
    from fleet.cli.looking import look_now

    try:
        state = look_now(settings)
    except FleetError as error:
        click.echo(f"FLEET UNKNOWN - {' '.join(str(error).split())}")
        return UNKNOWN
    code, line = verdict(state.views, agents, state.own)
    say(line)
    if state.note:
        note(state.note)
    return code


def verdict(
    views: Sequence[AgentView], wanted: Sequence[str], own: Sequence[Problem] = ()
) -> tuple[int, str]:
    """(exit code, line) for the `wanted` agents, or for all and the hub's `own` problems."""
    from fleet.domain.liveness import PRESENCE_CODES
    from fleet.domain.problems import ExitCode, exit_code, problems_of
    from fleet.domain.verdict import Verdict

    known = {view.agent: view for view in views}
    missing = [name for name in wanted if name not in known]
    chosen = [known[name] for name in wanted if name in known] if wanted else list(views)
    beside = () if wanted else own
    worst = exit_code(chosen, beside)
    if missing and worst is ExitCode.OK:
        worst = ExitCode.UNKNOWN
    tally: dict[str, list[str]] = {}
    for view in chosen:
        tally.setdefault(_word(view), []).append(view.agent)
    if missing:
        tally["never heard of"] = missing
    parts = [
        f"{len(names)} {word}{_named(names) if word != Verdict.OK else ''}"
        for word, names in tally.items()
    ]
    summary = ", ".join(parts) or "no agent has been heard of"
    named = set(PRESENCE_CODES.values())  # the states say these already
    found = (*beside, *problems_of(chosen))
    loud = [problem for problem in found if not problem.held and problem.code not in named]
    if loud:
        summary += f"; {_shortened([str(problem) for problem in loud])}"
    counts = " ".join(f"{v.value}={sum(c.state is v for c in chosen)}" for v in Verdict)
    return int(worst), f"FLEET {worst.name} - {summary} | agents={len(chosen)} {counts}"


def _word(view: AgentView) -> str:
    """How the line calls an agent's state; who is not to wake anybody is told apart."""
    from fleet.contract.vocabulary import Severity
    from fleet.domain.problems import alarm_of, problems_of
    from fleet.domain.verdict import Verdict

    if alarm_of(view) is Severity.INFO and (held := problems_of([view])[0].held):
        return held
    stopped = view.state is Verdict.OFFLINE and view.goodbye
    return "stopped" if stopped else view.state.value


def _named(names: Sequence[str]) -> str:
    return f" ({_shortened(names)})"


def _shortened(items: Sequence[str]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return f"{', '.join(items[:NAMED])}{more}"
