"""`fleet site`: the sites of a fleet, each with a broker of its own."""

from __future__ import annotations

from typing import Any

import click

from fleet.cli.common import (
    age,
    note,
    paint,
    table,
    with_output,
    with_settings,
    write_json,
    write_jsonl,
)
from fleet.hub_client import HubClient
from fleet.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def site(context: click.Context) -> None:
    """The sites of the fleet: a broker and a hub or two each, on one database."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@site.command("list")
@with_output("table", "json", "jsonl")
@with_settings("home", "hub", "hub_token_file")
def list_(settings: Settings, output: str = "table") -> None:
    """Every site: its broker, its agents, and whether it is lost."""
    hub = HubClient.needed(settings)
    answer = hub.get("/v1/sites")
    with hub.reading():
        sites = answer["sites"]
        if output == "json":
            write_json(answer)
        elif output == "jsonl":
            write_jsonl(sites)
        elif sites:
            headings = ("site", "state", "agents", "broker", "seen", "leader")
            click.echo(table(headings, [_row(one) for one in sites]))
        else:
            note("no sites: this fleet has one broker")
            note("Try: FLEET_SITE=NAME at the hubs of each broker, with one FLEET_STORE")


@site.command()
@click.argument("name")
@with_settings("home", "store", "store_password_file")
def remove(settings: Settings, name: str) -> None:
    """Forget the site NAME, which is closed for good. What it stored stays in the database.

    Its agents' names are free then, and nobody calls it lost any more.
    """
    from fleet.contract.store_url import site_name
    from fleet.store.open import remove_site

    remove_site(settings, site_name(name))
    note(f"{name} is no site any more; its hub would be one again by its next start")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    if one["lost"]:
        state = f"{paint('unknown', 'lost')}: {one['why']}"
    else:
        state = paint("ok", "here" if one["own"] else "ok")
    seen = "never" if one["as_of_age"] is None else f"{age(one['as_of_age'])} ago"
    leader = one["leader"] or ("this hub" if one["own"] else "nobody")
    return one["site"], state, str(one["agents"]), one["broker"] or "unknown", seen, leader
