"""`fleet status`: the fleet at a glance, worst first; one agent in detail."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from fleet.cli.agent_choice import AgentChoice, with_agents
from fleet.cli.common import (
    age,
    clear_screen,
    note,
    paint,
    say,
    say_if_no_home,
    table,
    with_connection,
    with_output,
    write_json,
    write_jsonl,
)
from fleet.cli.fitting import fit, terminal_width
from fleet.contract.vocabulary import Check
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.agent_view import AgentView
    from fleet.domain.problems import Problem
    from fleet.fleet_page import FleetPage
    from fleet.fleet_state import FleetState

PAUSE = 2.0
"""Seconds between looks of `--watch`."""


SPARE: Final = (
    "boot", "config", "seq", "missing", "sidecar", "skew", "kind", "version", "up", "heard", "site",
)  # fmt: skip
"""Columns that a narrow terminal does without, the first of them first."""

ELASTIC: Final = ("checks", "alerts", "agent")


@click.command()
@with_agents
@click.option("-w", "--watch", is_flag=True, help="Look again every two seconds until Ctrl-C.")
@click.option("--drift", is_flag=True, help="Only what differs between agents of a group or kind.")
@with_output("table", "wide", "json", "jsonl")
@with_connection
def status(settings: Settings, choice: AgentChoice, watch: bool, drift: bool, output: str) -> None:
    """Every agent, worst first, with the problems named above; or one AGENT in detail.

    Several names, --group, --label, --kind and --state narrow it, each as often as is needed.

    A table shows the worst 1,000 agents and 1,000 problems, and says how many more there are; the
    hub is asked for no more than that. -o json and -o jsonl give all.

    As the hub of this home knows it, or the one that FLEET_HUB names. Where none serves, from the
    broker's retained messages, and a line on stderr says what is not known so.
    """
    say_if_no_home(settings)
    _run(settings, choice, output, watch=watch, drift=drift)


def _run(settings: Settings, choice: AgentChoice, output: str, *, watch: bool, drift: bool) -> None:
    while True:
        told = _show(settings, choice, output, watch=watch, drift=drift)
        if told:
            note(told)
        if not watch:
            return
        time.sleep(PAUSE)


def _show(settings: Settings, choice: AgentChoice, output: str, *, watch: bool, drift: bool) -> str:
    """Look once; what is not known is returned, in a line. Programs, and who compares, are given
    everybody; for a table no more is asked than it shows."""
    from fleet.cli.looking import look_at, look_at_all

    clears = watch and output in ("table", "wide")
    if drift or (output in ("json", "jsonl") and not choice.is_of_one):
        state = look_at_all(settings, choice)
        if clears:
            clear_screen()
        if drift:
            _print_drift(state.views, output)
        else:
            print_fleet(state, output)
        return state.note
    page = look_at(settings, choice)
    if clears:
        clear_screen()
    if choice.is_of_one:
        _print_agent(page.views[0], page.problems, output)
    else:
        print_page(page, wide=output == "wide", of=str(choice))
    return page.note


def print_fleet(state: FleetState, output: str) -> None:
    """Everybody, in a form for programs; in a table as many as one shows."""
    from fleet.domain.problems import described
    from fleet.fleet_page import page_of

    if output == "json":
        agents = [described(view) for view in state.views]
        write_json({"agents": agents, "problems": [one.as_dict() for one in state.problems]})
    elif output == "jsonl":
        write_jsonl(described(view) for view in state.views)
    else:
        print_page(page_of(state), wide=output == "wide")


def print_page(page: FleetPage, *, wide: bool, of: str = "") -> None:
    """Problems, then agents, and how many more there are of either. `of`: which agents were asked
    for, in words; empty: all."""
    problems = [*page.own, *page.problems]
    for problem in problems:
        severity = paint(problem.severity.value, f"{problem.severity.value:<8}")
        say(f"{severity}  {problem}")
    if more := page.more_problems:
        say(f"… and {more} more problem{'s' if more > 1 else ''}")
    if page.views and problems:
        click.echo()
    if page.views:
        click.echo(_table(page.views, wide=wide))
    elif of:
        note(f"nobody is of {of}")
    else:
        note("nobody has been heard of yet")
        note("Try: fleet agent add NAME, or fleet demo")
    if page.more:
        say(f"… and {page.more}")
        note("Try: fleet status -o jsonl for all of them; --state, --group or --label for some")


def _table(views: Sequence[AgentView], *, wide: bool) -> str:
    headings = ["agent", "state", "heard", "up", "checks", "alerts", "version"]
    extra = ["kind", "sidecar", "skew", "missing", "boot", "seq", "config"] if wide else []
    rows = [_row(view) + (_more(view) if wide else []) for view in views]
    if any(view.site for view in views):
        headings.insert(1, "site")
        for row, view in zip(rows, views, strict=True):
            row.insert(1, view.site or "unknown")
    width = terminal_width()
    return table(*fit([*headings, *extra], rows, spare=SPARE, elastic=ELASTIC, width=width))


def _row(view: AgentView) -> list[str]:
    versions = view.versions or {}
    return [
        view.agent,
        paint(view.state.value) + (" (site lost)" if view.site_lost else ""),
        _ago(view.age, "never"),
        age(view.uptime),
        _checks(view),
        ",".join(view.alerts) or "none",
        versions.get("agent", "unknown"),
    ]


def _more(view: AgentView) -> list[str]:
    versions = view.versions or {}
    return [
        view.kind.value if view.kind else "unknown",
        versions.get("sidecar", "unknown"),
        "unknown" if view.skew is None else f"{view.skew:+.1f}s",
        _known(view.missing),
        _known(view.boot),
        _known(view.seq),
        view.config[7:19] if view.config else "unknown",
    ]


def _checks(view: AgentView) -> str:
    """What does not pass; or how many pass."""
    checks = view.checks
    if not checks:
        return "none"
    troubled = [f"{plane}:{check}" for plane, check in checks.items() if check is not Check.PASS]
    return ",".join(troubled) or f"{len(checks)} pass"


def _ago(seconds: float | None, unknown: str = "no age is known") -> str:
    return unknown if seconds is None else f"{age(seconds)} ago"


def _known(value: object) -> str:
    return "unknown" if value is None else str(value)


def _print_agent(view: AgentView, problems: Sequence[Problem], output: str) -> None:
    from fleet.domain.problems import described

    if output in ("json", "jsonl"):
        item = described(view, problems)
        (write_json if output == "json" else lambda item: write_jsonl([item]))(item)
        return
    facts = view.as_dict()
    pairs = [
        *((("site", view.site + (" (lost)" if view.site_lost else "")),) if view.site else ()),
        ("state", paint(view.state.value)),
        ("says", facts["says"]),
        ("heard", _ago(view.age, "never")),
        ("uptime", age(view.uptime)),
        ("interval", age(view.interval)),
        ("kind", facts["kind"]),
        ("versions", ", ".join(f"{k} {v}" for k, v in (view.versions or {}).items())),
        ("config", view.config),
        ("clock skew", None if view.skew is None else f"{view.skew:+.1f} s"),
        ("session", f"boot {_known(view.boot)}, seq {_known(view.seq)}"),
        ("missing", _known(view.missing)),
        (
            "problems",
            ", ".join(problem.of_agent for problem in problems) or "none",
        ),
        ("alerts", ", ".join(view.alerts) or "none"),
        ("labels", ", ".join(f"{k}={v}" for k, v in view.labels.items()) or "none"),
    ]
    say(view.agent)
    for name, value in pairs:
        say(f"  {name:<11} {value or 'unknown'}")
    for plane, found in view.planes.items():
        say(f"  {plane:<11} {paint(found.check.value)} ({_ago(found.age)})")
    for name, number in sorted(view.metrics.items()):
        say(f"  {name:<32} {number:.12g}")


def _print_drift(views: Sequence[AgentView], output: str) -> None:
    from fleet.domain.drift import drift_of

    found = drift_of(views)
    if output in ("json", "jsonl"):
        (write_json if output == "json" else write_jsonl)([item.as_dict() for item in found])
        return
    if not found:
        note("no drift: agents of a group or kind run the same versions and configuration")
        return
    rows = [(i.group, i.what, i.value, str(len(i.agents)), ", ".join(i.agents)) for i in found]
    click.echo(table(("group", "what", "value", "count", "agents"), rows))
