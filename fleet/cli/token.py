"""`fleet token`: bearer tokens for the hub's HTTP interface."""

from __future__ import annotations

import time

import click

from fleet.cli.common import note, table, with_output, with_settings, write_json
from fleet.settings import Settings


@click.group()
def token() -> None:
    """Bearer tokens for HTTP: create, list, revoke."""


@token.command()
@click.option(
    "--role",
    required=True,
    help="admin, operator, viewer, agent:NAME, or scraper: /metrics alone",
)
@with_settings("home")
def create(settings: Settings, role: str) -> None:
    """Make a token. It is printed once, as the last line; only its hash is kept."""
    from fleet.contract.timestamps import timestamp
    from fleet.tokens import Principal, Tokens

    secret, entry = Tokens(settings.home).create(Principal.parse(role), timestamp(time.time()))
    note(f"token {entry.id} for {entry.role}; it is shown only now")
    click.echo(secret)


@token.command("list")
@with_output("table", "json")
@with_settings("home")
def list_(settings: Settings, output: str) -> None:
    """Tokens by id, role and time of making; never the tokens themselves."""
    from fleet.tokens import Tokens

    entries = Tokens(settings.home).entries()
    if output == "json":
        write_json([{"id": e.id, "role": e.role, "created": e.created} for e in entries])
        return
    click.echo(table(("id", "role", "created"), [(e.id, e.role, e.created) for e in entries]))


@token.command()
@click.argument("token_id", metavar="ID")
@with_settings("home")
def revoke(settings: Settings, token_id: str) -> None:
    """Make the token ID worthless at once: sessions and streams that it opened end, too."""
    from fleet.tokens import Tokens

    entry = Tokens(settings.home).revoke(token_id)
    note(f"token {entry.id} for {entry.role} is revoked")
