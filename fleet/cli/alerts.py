"""`fleet alerts`: what fires; acknowledge and silence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from fleet.cli.common import (
    note,
    paint,
    say,
    table,
    with_output,
    with_settings,
    write_json,
    write_jsonl,
)
from fleet.cli.time_types import Seconds
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.vocabulary import AlertState
from fleet.hub_client import HubClient
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.notifier.routes import Route

MIN_SILENCE, MAX_SILENCE = 60, 30 * 86_400
"""Seconds; as the hub has it."""


@click.group(invoke_without_command=True)
@click.pass_context
def alerts(context: click.Context) -> None:
    """Alerts that fire now; acknowledge and silence them."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@alerts.command("list")
@click.option("--history", is_flag=True, help="Also those that are over.")
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def list_(settings: Settings, history: bool = False, output: str = "table") -> None:
    """Alerts, worst first, and silences."""
    answer = HubClient.needed(settings).get(f"/v1/alerts?history={str(history).lower()}")
    if output == "json":
        write_json(answer)
        return
    if output == "jsonl":
        write_jsonl(answer["alerts"])
        return
    if answer["alerts"]:
        click.echo(
            table(
                ("severity", "agent", "code", "state", "since", "acknowledged", "silenced"),
                [_row(alert) for alert in answer["alerts"]],
            )
        )
    else:
        note("no alert fires")
    for silence in answer["silences"]:
        note(
            f"silence {silence['id']}: {silence['agent'] or 'all agents'},"
            f" {silence['code'] or 'all codes'}, until {silence['until']}"
        )


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    return (
        paint(alert["severity"]),
        alert["agent"] or "hub",
        alert["code"],
        alert["state"],
        alert["since"],
        alert["acknowledged_by"] or "no",
        "yes" if alert["silenced"] else "no",
    )


@alerts.command()
@click.argument("agent")
@click.argument("code")
@with_settings("home", "hub", "hub_token_file")
def ack(settings: Settings, agent: str, code: str) -> None:
    """Say that somebody looks at CODE of AGENT (`hub` for the hub's own alerts)."""
    HubClient.needed(settings).post("/v1/alerts/ack", _target(agent, code))
    note(f"{code} of {agent} is acknowledged")


@alerts.command()
@click.option("--agent", help="Only this agent.")
@click.option("--code", help="Only this code.")
@click.option("--for", "seconds", type=Seconds(), default="1h", show_default=True)
@with_settings("home", "hub", "hub_token_file")
def silence(settings: Settings, agent: str | None, code: str | None, seconds: float) -> None:
    """Hold back alerts for a while, at least a minute; prints the id of the silence."""
    if not MIN_SILENCE <= seconds <= MAX_SILENCE:
        raise click.BadParameter("a silence lasts from 1m to 30d", param_hint="--for")
    body = {"agent": agent, "code": code, "seconds": seconds}
    given = {name: value for name, value in body.items() if value is not None}
    say(HubClient.needed(settings).post("/v1/silences", given)["id"])


@alerts.command()
@click.argument("silence_id", metavar="ID")
@with_settings("home", "hub", "hub_token_file")
def lift(settings: Settings, silence_id: str) -> None:
    """End the silence ID."""
    HubClient.needed(settings).delete(f"/v1/silences/{quote(silence_id, safe='')}")
    note(f"silence {silence_id} is lifted")


@alerts.command()
@click.argument("name", metavar="[ROUTE]", required=False)
@with_settings("home")
@click.pass_context
def test(context: click.Context, settings: Settings, name: str | None) -> None:
    """Send a test and its end through ROUTE, or each route; exit 1 if one does not take them."""
    from fleet.notifier.routes import routes_of

    routes = [route for route in routes_of(settings) if name in (None, route.name)]
    if not routes:
        what = f"there is no route {name}" if name else "there is no route"
        raise ConfigError(what, "", "[routes.NAME] in fleet.toml")
    failed = [route for route in routes if not _tested(route)]
    context.exit(1 if failed else 0)


def _tested(route: Route) -> bool:
    from fleet.notifier.notification import Notification
    from fleet.notifier.senders import send

    try:
        for state in AlertState:
            send(route, Notification.test(state, time.time()))
    except FleetError as error:
        say(f"{route.name} ({route.channel}): {paint('critical', 'failed')}, {error.why}")
        return False
    say(f"{route.name} ({route.channel}): {paint('ok', 'taken')}")
    return True


def _target(agent: str, code: str) -> dict[str, Any]:
    return {"code": code} if agent == "hub" else {"agent": agent, "code": code}
