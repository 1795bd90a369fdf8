"""`fleet alerts`: what fires; acknowledge and silence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.alert_output import show
from fleet.cli.common import (
    note,
    paint,
    say,
    with_output,
    with_settings,
    write_json,
    write_jsonl,
)
from fleet.cli.silence_words import check_scope, lasting, say_id
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
@with_output("table", "wide", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def list_(settings: Settings, history: bool = False, output: str = "table") -> None:
    """Alerts, worst first, and silences; with -o wide or json also who was told of each, by which
    route, and what the receiver answered."""
    hub = HubClient.needed(settings)
    wanted = {"history": str(history).lower(), "told": str(output != "table").lower()}
    answer = hub.get(f"/v1/alerts?{urlencode(wanted)}")
    with hub.reading():
        if output == "json":
            write_json(answer)
        elif output == "jsonl":
            write_jsonl(answer["alerts"])
        else:
            show(answer, wide=output == "wide")


@alerts.command()
@click.argument("agent", shell_complete=complete_agents)
@click.argument("code")
@with_settings("home", "hub", "hub_token_file")
def ack(settings: Settings, agent: str, code: str) -> None:
    """Say that somebody looks at CODE of AGENT (`hub` for the hub's own alerts)."""
    HubClient.needed(settings).post("/v1/alerts/ack", _target(agent, code))
    note(f"{code} of {agent} is acknowledged")


@alerts.command()
@click.option("--agent", help="Only this agent.", shell_complete=complete_agents)
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
