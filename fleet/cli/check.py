"""`fleet check`: the fleet as one line for Nagios, cron and launchd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fleet.cli.common import finish, with_connection
from fleet.contract.errors import FleetError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.agent_view import AgentView

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
NAMED = 5
"""Agents named in the line; the rest is counted."""


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT...]")
@with_connection
def check(settings: Settings, agents: Sequence[str]) -> int:
    """One line and an exit code: 0 ok, 1 warning, 2 critical, 3 unknown.

    Offline and stale are critical; late, degraded, ghost and a stop that was announced are
    warnings. What is in maintenance or silenced at the hub is named, and is no alarm.
    """
    from fleet.retained import look

    try:
        views = finish(look(settings))
    except FleetError as error:
        click.echo(f"FLEET UNKNOWN - {' '.join(str(error).split())}")
        return UNKNOWN
    code, line = verdict(views, agents)
    click.echo(line)
    return code


def verdict(views: Sequence[AgentView], wanted: Sequence[str]) -> tuple[int, str]:
    """(exit code, line) for the `wanted` agents, or for all."""
    from fleet.contract.vocabulary import Severity
    from fleet.domain.problems import alarm_of
    from fleet.domain.verdict import Verdict

    codes = {None: OK, Severity.INFO: OK, Severity.WARNING: WARNING, Severity.CRITICAL: CRITICAL}
    known = {view.agent: view for view in views}
    missing = [name for name in wanted if name not in known]
    chosen = [known[name] for name in wanted if name in known] if wanted else list(views)
    found = {codes[alarm_of(view)] for view in chosen if view.state is not Verdict.UNKNOWN}
    worst = UNKNOWN if missing else max(found, default=UNKNOWN)
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
    counts = " ".join(f"{v.value}={sum(c.state is v for c in chosen)}" for v in Verdict)
    return worst, f"FLEET {WORDS[worst]} - {summary} | agents={len(chosen)} {counts}"


def _word(view: AgentView) -> str:
    """How the line calls an agent's state; who is not to wake anybody is told apart."""
    from fleet.contract.vocabulary import Severity
    from fleet.domain.problems import alarm_of, problems_of
    from fleet.domain.verdict import Verdict

    if alarm_of(view) is Severity.INFO:
        return problems_of([view])[0].held
    stopped = view.state is Verdict.OFFLINE and view.goodbye
    return "stopped" if stopped else view.state.value


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({shown}{more})"
