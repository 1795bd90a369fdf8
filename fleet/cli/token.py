"""`fleet token`: bearer tokens for the hub's HTTP interface."""

from __future__ import annotations

import time

import click

from fleet.cli.common import note, table, with_output, with_settings, write_json
from fleet.settings import Settings


@click.group()
def token() -> None:
    """Bearer tokens for HTTP, and the pages that are signed in with them."""


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


@token.command()
@with_output("table", "json")
@with_settings("home")
def sessions(settings: Settings, output: str) -> None:
    """Browsers that are signed in at this hub's page: with which token, and until when."""
    from fleet.browser_sessions import BrowserSessions
    from fleet.contract.timestamps import timestamp
    from fleet.tokens import Tokens

    live = BrowserSessions(settings.home, Tokens(settings.home)).live()
    rows = [(e.id, e.token, e.role, e.opened, e.used, timestamp(e.ends)) for e in live]
    if output == "json":
        write_json([dict(zip(_SESSION, row, strict=True)) for row in rows])
        return
    click.echo(table(_SESSION, rows))


_SESSION = ("id", "token", "role", "opened", "used", "ends")


@token.command("sign-out")
@click.argument("ids", metavar="[SESSION]...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="every browser")
@with_settings("home")
def sign_out(settings: Settings, ids: tuple[str, ...], *, everybody: bool) -> None:
    """End sessions of the page at once; their token stays good, and signs in again."""
    from fleet.browser_sessions import BrowserSessions
    from fleet.contract.errors import ConfigError
    from fleet.tokens import Tokens

    if bool(ids) == everybody:
        raise click.UsageError("which sessions? Their ids, or --all")
    kept = BrowserSessions(settings.home, Tokens(settings.home))
    gone = kept.end(None if everybody else ids)
    for one in gone:
        note(f"session {one.id} of token {one.token} is ended")
    if missing := sorted(set(ids) - {one.id for one in gone}):
        raise ConfigError(f"there is no session {missing[0]!r}", "", "fleet token sessions")
    if not gone:
        note("nobody is signed in")
