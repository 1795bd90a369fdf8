"""`fleet check`: the fleet as one line for Nagios, cron and launchd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from fleet.cli.agent_names import AgentName, complete_agents
from fleet.cli.common import note, say, with_connection
from fleet.contract.errors import FleetError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.agent_view import AgentView
    from fleet.domain.problems import Problem
    from fleet.domain.tally import Facts, Found
    from fleet.fleet_page import FleetPage
    from fleet.hub_client import HubClient

UNKNOWN = 3
"""The exit code where nothing can be told; see `fleet.domain.problems.ExitCode`."""


@click.command()
@click.argument("agents", nargs=-1, metavar="[AGENT...]", shell_complete=complete_agents)
@with_connection
def check(settings: Settings, agents: Sequence[str]) -> int:
    """One line and an exit code: 0 ok, 1 warning, 2 critical, 3 unknown.

    The worst that is wrong with any agent counts, as its alert states it. Offline and stale are
    critical; late, ghost and a stop that was announced are warnings; who was never heard is
    unknown. What is in maintenance or silenced at the hub is named, and is no alarm.
    """
    try:
        for name in agents:  # here, not by the argument: this line and exit code are what is read
            AgentName().convert(name, None, None)
        code, line, unsure = _look(settings, agents)
    except FleetError as error:
        click.echo(f"FLEET UNKNOWN - {' '.join(str(error).split())}")
        return UNKNOWN
    say(line)
    if unsure:
        note(unsure)
    return code


def _look(settings: Settings, wanted: Sequence[str]) -> tuple[int, str, str]:
    """(exit code, line, what is not known)."""
    from fleet.cli.common import finish
    from fleet.fleet_state import FleetState, asked_of_hub, of_broker, told_by

    def of_state(state: FleetState) -> tuple[int, str, str]:
        return (*verdict(state.views, wanted, state.own), state.note)

    def ask(hub: HubClient) -> tuple[int, str, str]:
        page = _asked(hub, wanted)
        return (*verdict_of(page, wanted), page.note) if page else of_state(told_by(hub))

    told, why = asked_of_hub(settings, ask)
    return told or of_state(finish(of_broker(settings, why)))


def _asked(hub: HubClient, wanted: Sequence[str]) -> FleetPage | None:
    """A page that tells enough; None: there is none."""
    from fleet.cli.agent_choice import AgentChoice
    from fleet.fleet_page import asked_page

    query = AgentChoice(tuple(wanted)).query
    return None if query is None else asked_page(hub, query, max(1, len(wanted)))


def verdict(
    views: Sequence[AgentView], wanted: Sequence[str], own: Sequence[Problem] = ()
) -> tuple[int, str]:
    """(exit code, line) for the `wanted` agents, or for all and the hub's `own` problems."""
    from fleet.domain.tally import facts_of, tally_of

    if not wanted:
        return _told(tally_of(views, 1).found(), (), own)
    return _of_names({view.agent: facts_of(view) for view in views}, wanted)


def verdict_of(page: FleetPage, wanted: Sequence[str]) -> tuple[int, str]:
    """The same of a page, on which all of the `wanted` are."""
    from fleet.domain.tally import Facts, word_of

    if not wanted:
        return _told(page.found, (), page.own)
    known = {}
    for view in page.views:
        problems = tuple(problem for problem in page.problems if problem.agent == view.agent)
        word = word_of(view.state, problems, goodbye=view.goodbye)
        known[view.agent] = Facts(view.state, word, problems)
    return _of_names(known, wanted)


def _of_names(known: Mapping[str, Facts], wanted: Sequence[str]) -> tuple[int, str]:
    """Those of the `wanted` that are known, in the order in which they were typed."""
    from fleet.domain.tally import Tally

    tally = Tally(1)
    for place, name in enumerate(wanted):
        if name in known:
            tally.add(name, known[name], place=(place, name))
    return _told(tally.found(), [name for name in wanted if name not in known], ())


def _told(found: Found, missing: Sequence[str], beside: Sequence[Problem]) -> tuple[int, str]:
    """`missing`: who was asked for, and nobody has heard of; `beside`: what is wrong with hubs."""
    from fleet.domain.problems import ExitCode
    from fleet.domain.tally import Called, is_loud
    from fleet.domain.verdict import Verdict

    worst = found.exit_code(beside)
    if missing and worst is ExitCode.OK:
        worst = ExitCode.UNKNOWN
    words = [*found.words]
    if missing:
        words.append(Called("never heard of", len(missing), tuple(missing)))
    parts = [
        f"{one.agents} {one.word}"
        + (f" ({_shortened(one.first, one.agents)})" if one.word != Verdict.OK else "")
        for one in words
    ]
    summary = ", ".join(parts) or "no agent has been heard of"
    own = [problem for problem in beside if is_loud(problem)]
    if own or found.loud:
        loudest = [str(problem) for problem in (*own, *found.loudest)]
        summary += f"; {_shortened(loudest, len(own) + found.loud)}"
    counts = " ".join(f"{v.value}={found.states.get(v, 0)}" for v in Verdict)
    return int(worst), f"FLEET {worst.name} - {summary} | agents={found.agents} {counts}"


def _shortened(items: Sequence[str], count: int) -> str:
    """The first of `count`."""
    from fleet.domain.tally import NAMED

    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{', '.join(items[:NAMED])}{more}"
