"""`fleet pair`: two agents of which one is active, and the change from one to the other."""

from __future__ import annotations

from typing import Any
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
from fleet.hub_client import HubClient
from fleet.settings import Settings

HEADINGS = ("pair", "phase", "why", "active", "standby", "auto", "epoch", "since")


@click.group(invoke_without_command=True)
@click.pass_context
def pair(context: click.Context) -> None:
    """Failover: two agents of which one is active, never both."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@pair.command("list")
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def list_(settings: Settings, output: str = "table") -> None:
    """Every pair: who is active, who stands by, and whether a person must decide."""
    hub = HubClient.needed(settings)
    answer = hub.get("/v1/pairs")
    with hub.reading():
        pairs = answer["pairs"]
        if output == "json":
            write_json(answer)
        elif output == "jsonl":
            write_jsonl(pairs)
        elif pairs:
            click.echo(table(HEADINGS, [row(one) for one in pairs]))
        else:
            note("no pairs; fleet pair create NAME --active A --standby B")
        if output == "table" and any(one["frozen"] for one in pairs):
            note("frozen: too much of the fleet is silent, no pair fails over")


def row(one: dict[str, Any]) -> tuple[str, ...]:
    """A line of the list."""
    active, standby = (_member(member) for member in one["members"])
    auto = "yes" if one["auto"] else "no"
    phase = paint("critical", one["phase"]) if one["needs_person"] else one["phase"]
    return (
        one["pair"], phase, one["cause"], active, standby, auto, str(one["epoch"]), one["since"],
    )  # fmt: skip


def _member(member: dict[str, Any]) -> str:
    return f"{member['agent']} ({member['presence']})"


@pair.command()
@click.argument("name")
@with_output("text", "json")
@with_settings("home", "hub", "hub_token_file")
def show(settings: Settings, name: str, output: str) -> None:
    """One pair, and what its agents say."""
    hub = HubClient.needed(settings)
    answer = hub.get(f"/v1/pairs/{quote(name, safe='')}")
    with hub.reading():
        _show(answer, output)


def _show(answer: dict[str, Any], output: str) -> None:
    if output == "json":
        write_json(answer)
        return
    how = "fails over by itself" if answer["auto"] else "changes by a person's word only"
    say(f"pair {answer['pair']}: {answer['phase']} ({answer['cause']}), {how}")
    say(f"epoch {answer['epoch']} since {answer['since']}")
    if answer["failed_over"]:
        say(f"failed over by itself at {answer['failed_over']}")
    headings = ("agent", "role", "presence", "active", "fences itself")
    rows = [
        (one["agent"], one["role"], one["presence"], _word(one["active"]), _word(one["fences"]))
        for one in answer["members"]
    ]
    click.echo(table(headings, rows))
    if asked := answer["needs_person"]:
        note(f"a person is needed: {asked['look']}: {asked['command']}")


def _word(said: bool | None) -> str:
    return "unknown" if said is None else "yes" if said else "no"


@pair.command()
@click.argument("name")
@click.option("--active", required=True, metavar="AGENT", help="Who is active.")
@click.option("--standby", required=True, metavar="AGENT", help="Who stands by.")
@click.option("--auto", is_flag=True, help="Fail over without being asked.")
@with_output("text", "json")
@with_settings("home", "hub", "hub_token_file")
def create(
    settings: Settings, name: str, active: str, standby: str, auto: bool, output: str
) -> None:
    """Make a pair; its agents get leases from their next heartbeats on."""
    body = {"name": name, "active": active, "standby": standby, "auto": auto}
    hub = HubClient.needed(settings)
    answer = hub.post("/v1/pairs", body)
    with hub.reading():
        _show(answer, output)


@pair.command()
@click.argument("name")
@with_settings("home", "hub", "hub_token_file")
def remove(settings: Settings, name: str) -> None:
    """End a pair. Its leases run out, so an agent that fences itself lays down: take FLEET_PAIR
    out of the settings of its sidecar first, if it is to go on."""
    hub = HubClient.needed(settings)
    hub.delete(f"/v1/pairs/{quote(name, safe='')}")
    note(f"removed the pair {name}")


@pair.command()
@click.argument("name")
@click.option("--stopped", is_flag=True, help="You vouch that the active agent is stopped.")
@with_output("text", "json")
@with_settings("home", "hub", "hub_token_file")
def failover(settings: Settings, name: str, stopped: bool, output: str) -> None:
    """Make the standby active, once the active agent has laid down."""
    hub = HubClient.needed(settings)
    answer = hub.post(f"/v1/pairs/{quote(name, safe='')}/failover", {"stopped": stopped})
    with hub.reading():
        _show(answer, output)
