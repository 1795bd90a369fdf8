"""`fleet check`: the fleet as one line for Nagios, cron and launchd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fleet.cli.common import finish, with_connection
from fleet.contract.errors import FleetError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.view import AgentView

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
NAMED = 5
"""Agents named in the line; the rest is counted."""


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT...]")
@with_connection
def check(settings: Settings, agents: Sequence[str]) -> int:
    """One line and an exit code: 0 ok, 1 warning, 2 critical, 3 unknown.

    Offline and stale are critical; late, degraded and ghost are warnings.
    """
    from fleet.remembered import look

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
    from fleet.domain.verdict import Verdict

    codes = {
        Verdict.OK: OK,
        Verdict.LATE: WARNING,
        Verdict.DEGRADED: WARNING,
        Verdict.GHOST: WARNING,
        Verdict.STALE: CRITICAL,
        Verdict.OFFLINE: CRITICAL,
        Verdict.UNKNOWN: UNKNOWN,
    }
    known = {view.agent: view for view in views}
    missing = [name for name in wanted if name not in known]
    chosen = [known[name] for name in wanted if name in known] if wanted else list(views)
    tally = {state: [v.agent for v in chosen if v.state is state] for state in codes}
    if missing or not chosen:
        worst = UNKNOWN
    else:
        found = {codes[view.state] for view in chosen}
        worst = max(found - {UNKNOWN}, default=UNKNOWN)
    parts = [
        f"{len(names)} {state.value}{_named(names) if state is not Verdict.OK else ''}"
        for state, names in tally.items()
        if names
    ]
    if missing:
        parts.append(f"{len(missing)} never heard of{_named(missing)}")
    summary = ", ".join(parts) or "no agent has been heard of"
    counts = " ".join(f"{state.value}={len(names)}" for state, names in tally.items())
    return worst, f"FLEET {WORDS[worst]} - {summary} | agents={len(chosen)} {counts}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({shown}{more})"
