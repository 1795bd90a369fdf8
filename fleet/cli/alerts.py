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
from fleet.cli.silence_words import check_scope, described, lasting, say_id
from fleet.cli.time_types import Seconds
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.vocabulary import AlertState
from fleet.hub_client import HubClient
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.notifier.routes import Route


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
    hub = HubClient.needed(settings)
    answer = hub.get(f"/v1/alerts?history={str(history).lower()}")
    with hub.reading():
        if output == "json":
            write_json(answer)
        elif output == "jsonl":
            write_jsonl(answer["alerts"])
        else:
            _show(answer)


def _show(answer: dict[str, Any]) -> None:
    if answer["alerts"]:
        click.echo(
            table(
                ("severity", "agent", "code", "state", "since", "acknowledged", "silenced"),
                [_row(alert) for alert in answer["alerts"]],
            )
        )
    else:
        note("no alert fires")
    for route in answer.get("routes", ()):
        _note_route(route)
    for silence in answer["silences"]:
        note(f"silence {silence['id']}: {described(silence)}, until {silence['until']}")


def _note_route(route: dict[str, Any]) -> None:
    """What an operator should know of a route that is not well, a line each."""
    name = route["name"]
    if route["waiting"] and not route["working"]:
        note(f"route {name} does not deliver: {route['waiting']} wait")
    for one in route["set_aside"]:
        more = f" and {one['more']} more" if one["more"] else ""
        note(
            f"route {name} would not take {one['code']} ({one['state']}) of"
            f" {', '.join(one['agents'])}{more} at {one['at']}: {one['why']}"
        )
    if route["set_aside"]:
        note(f"Try: fleet alerts retry {name}, once the receiver takes it")


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    return (
        paint(alert["severity"]),
        alert["agent"] or (f"hub of {alert['site']}" if "site" in alert else "hub"),
        " ".join([alert["code"], *alert.get("planes", ())]),
        f"flapping, {alert['state']}" if alert.get("flapping_since") else alert["state"],
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
@click.option("--all", "everyone", is_flag=True, help="Every agent, and every code unless --code.")
@click.option("--for", "seconds", type=Seconds(), default="1h", show_default=True)
@with_settings("home", "hub", "hub_token_file")
def silence(
    settings: Settings, agent: str | None, code: str | None, everyone: bool, seconds: float
) -> None:
    """Hold back alerts for a while, at least a minute; prints the id of the silence.

    Name an agent or a code, or say --all.
    """
    check_scope("fleet alerts silence", everyone=everyone, agent=agent, code=code)
    body = {"agent": agent, "code": code, "seconds": lasting(seconds)}
    given = {name: value for name, value in body.items() if value is not None}
    hub = HubClient.needed(settings)
    say_id(hub, hub.post("/v1/silences", given), agent)


@alerts.command()
@click.argument("silence_id", metavar="ID")
@with_settings("home", "hub", "hub_token_file")
def lift(settings: Settings, silence_id: str) -> None:
    """End the silence ID."""
    HubClient.needed(settings).delete(f"/v1/silences/{quote(silence_id, safe='')}")
    note(f"silence {silence_id} is lifted")


@alerts.command()
@click.argument("name", metavar="[ROUTE]", required=False)
@with_settings("home", "hub", "hub_token_file")
def retry(settings: Settings, name: str | None) -> None:
    """Try again what the receiver of ROUTE, or of each route, would not take."""
    body = {"route": name} if name else {}
    hub = HubClient.needed(settings)
    answer = hub.post("/v1/alerts/retry", body)
    with hub.reading():
        note(f"messages tried again: {answer['messages']}")


@alerts.command()
@click.argument("name", metavar="[ROUTE]", required=False)
@with_settings("home")
@click.pass_context
def test(context: click.Context, settings: Settings, name: str | None) -> None:
    """Send a test and its end through ROUTE, or each route, and say what the receiver answered;
    exit 1 if one does not take them."""
    from fleet.notifier.routes import routes_of

    routes = [route for route in routes_of(settings) if name in (None, route.name)]
    if not routes:
        what = f"there is no route {name}" if name else "there is no route"
        raise ConfigError(what, "", "[routes.NAME] in fleet.toml")
    failed = [route for route in routes if not _tested(route)]
    context.exit(1 if failed else 0)


def _tested(route: Route) -> bool:
    from fleet.notifier.notification import Notification
    from fleet.notifier.refusals import SendError
    from fleet.notifier.senders import send

    said = ""
    try:
        for state in AlertState:
            said = send(route, Notification.test(state, time.time()))
    except FleetError as error:
        why = error.said if isinstance(error, SendError) else error.why
        say(f"{route.name} ({route.channel}): {paint('critical', 'failed')}, {why}")
        return False
    say(f"{route.name} ({route.channel}): {paint('ok', 'taken')}, {said}")
    return True


def _target(agent: str, code: str) -> dict[str, Any]:
    return {"code": code} if agent == "hub" else {"agent": agent, "code": code}
