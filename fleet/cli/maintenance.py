"""`fleet maintenance`: planned work, begun and ended by a person or by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import note, table, with_output, with_settings, write_json, write_jsonl
from fleet.cli.fitting import fit, terminal_width
from fleet.cli.silence_words import check_scope, described, lasting, say_id
from fleet.cli.time_types import Seconds
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import timestamp
from fleet.hub_client import HubClient
from fleet.settings import Settings

NAMED = 5
"""Hidden alerts that a row names; the rest is counted."""


@click.group(invoke_without_command=True)
@click.pass_context
def maintenance(context: click.Context) -> None:
    """Planned work: what it holds back is told afterwards, if it is still wrong then."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


SPARE: Final = ("begins", "hides")
"""Columns that a narrow terminal does without: who reads looks for what is on, and until when."""


@maintenance.command("list")
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def list_(settings: Settings, output: str = "table") -> None:
    """Maintenance that is on, with the alerts that it hides; what is planned; the windows."""
    hub = HubClient.needed(settings)
    answer = hub.get("/v1/silences")
    with hub.reading():
        _show(answer, output)


def _show(answer: dict[str, Any], output: str) -> None:
    now, later = (
        [one for one in answer[key] if one["maintenance"]] for key in ("silences", "planned")
    )
    if output == "json":
        write_json({"maintenance": now, "planned": later, "windows": answer["windows"]})
        return
    if output == "jsonl":
        write_jsonl([*now, *later])
        return
    rows = [row(one, "on") for one in now] + [row(one, "planned") for one in later]
    if rows:
        click.echo(table(*fitted(rows, terminal_width())))
    else:
        note("no maintenance is on or planned")
    for one in answer["windows"]:
        begins = f"next at {one['next']}" if one["next"] else "never again"
        note(f"window {one['name']}: {described(one)}, {one['cron']} ({one['zone']}), {begins}")


def row(one: dict[str, Any], state: str) -> tuple[str, ...]:
    return (one["id"], state, *_span(one), _hidden(one) if state == "on" else "")


def fitted(rows: Sequence[Sequence[str]], width: int | None) -> tuple[list[str], list[list[str]]]:
    """The table as a terminal of `width` has room for it; ids are whole, since they are typed."""
    headings = ("id", "state", "of", "begins", "ends", "hides")
    return fit(headings, rows, spare=SPARE, elastic=("of",), width=width)


def _span(one: dict[str, Any]) -> tuple[str, str, str]:
    return described(one), _minute(one["begins"] or ""), _minute(one["until"])


def _minute(ts: str) -> str:
    """A time as a table has room for it; nobody plans a second."""
    return f"{ts[:16]}Z" if ts else ""


def _hidden(one: dict[str, Any]) -> str:
    hidden = [f"{alert['agent'] or 'hub'} {alert['code']}" for alert in one["hides"]]
    more = len(hidden) - NAMED + one["hides_more"]
    return ", ".join(hidden[:NAMED]) + (f" and {more} more" if more > 0 else "") or "nothing"


@maintenance.command()
@click.option("--agent", help="Only this agent.", shell_complete=complete_agents)
@click.option("--group", help="Only this group.")
@click.option("--site", help="Only agents with this label `site`.")
@click.option("--code", help="Only this alert code.")
@click.option("--all", "everyone", is_flag=True, help="Every agent, and every code unless --code.")
@click.option("--for", "seconds", type=Seconds(), default="1h", show_default=True)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    help="When it begins, with its offset: 2026-12-01T22:00+01:00; now if unsaid.",
)
@with_settings("home", "hub", "hub_token_file")
def begin(
    settings: Settings,
    agent: str | None,
    group: str | None,
    site: str | None,
    code: str | None,
    everyone: bool,
    seconds: float,
    at: Any,
) -> None:
    """Begin maintenance, or plan it; prints its id. It ends by itself.

    Name an agent, a group, a site or a code, or say --all.
    """
    named = {"agent": agent, "group": group, "site": site, "code": code}
    check_scope("fleet maintenance begin", everyone=everyone, **named)
    if sum(one is not None for one in (agent, group, site)) > 1:
        raise click.UsageError("one of --agent, --group and --site")
    scope = f"group:{group}" if group else f"site:{site}" if site else None
    body = {
        "agent": agent,
        "scope": scope,
        "code": code,
        "seconds": lasting(seconds),
        "begins": timestamp(at.timestamp()) if at else None,
        "maintenance": True,
    }
    given = {name: value for name, value in body.items() if value is not None}
    hub = HubClient.needed(settings)
    say_id(hub, hub.post("/v1/silences", given), agent)


@maintenance.command()
@click.argument("maintenance_id", metavar="ID|WINDOW")
@with_settings("home", "hub", "hub_token_file")
def end(settings: Settings, maintenance_id: str) -> None:
    """End the maintenance ID, or drop what is planned. Of a window its name is enough; it opens
    again at its next time.
    """
    hub = HubClient.needed(settings)
    answer = hub.get("/v1/silences")
    with hub.reading():
        found = _named(answer, maintenance_id)
    hub.delete(f"/v1/silences/{quote(found, safe='')}")
    note(f"{found} is over; what is still wrong in 30 s is told")


def _named(answer: dict[str, Any], wanted: str) -> str:
    """The id of the maintenance that is called so.

    Raises:
        ConfigError: none is on or planned.
    """
    there = [one for one in (*answer["silences"], *answer["planned"]) if one["maintenance"]]
    for one in there:
        if wanted in (one["id"], one.get("window")):
            return str(one["id"])
    windows = {one["name"]: one["next"] for one in answer["windows"]}
    if wanted in windows:
        what = f"the window {wanted} is not open"
        raise ConfigError(what, f"it opens at {windows[wanted]}", "fleet maintenance list")
    why = "it is over, or there never was one"
    raise ConfigError(f"no maintenance {wanted} is on or planned", why, "fleet maintenance list")
