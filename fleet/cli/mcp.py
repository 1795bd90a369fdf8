"""`fleet mcp`: the fleet for an agent that operates it."""

from __future__ import annotations

import getpass

import click

from fleet.cli.common import finish, note, with_connection
from fleet.contract.errors import ConfigError
from fleet.settings import Settings


@click.group(invoke_without_command=True)
@click.option("--allow-commands", is_flag=True, help="Also send verbs and submit tasks.")
@click.option("--allow-content", is_flag=True, help="Also read and send what tasks are about.")
@click.option("--http", "address", metavar="HOST:PORT", help="Streamable HTTP instead of stdio.")
@click.option("--caller", help="Who acts, for the record; default: mcp and the user's name.")
@with_connection
@click.pass_context
def mcp(
    context: click.Context,
    settings: Settings,
    allow_commands: bool,
    allow_content: bool,
    address: str | None,
    caller: str | None,
) -> None:
    """Serve the fleet's tools by the Model Context Protocol, on stdio.

    Read-only unless --allow-commands; without content unless --allow-content. With --http a bearer
    token of `fleet token` is needed.
    """
    if context.invoked_subcommand is not None:
        return
    from fleet.mcp.server import build

    who = caller or f"mcp:{getpass.getuser()}"
    server = build(settings, allow_commands=allow_commands, allow_content=allow_content, caller=who)
    if address is None:
        finish(server.run_stdio_async())
        return
    from fleet.mcp.http import serve
    from fleet.provisioning.https import certificate_for

    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or len(port) > 5 or int(port) > 65_535:
        raise ConfigError(f"address {address!r} is not usable", "", "--http 127.0.0.1:8090")
    bare = host.strip("[]")
    certificate = certificate_for(settings, bare)
    scheme = "https" if certificate else "http"
    note(f"MCP on {scheme}://{address}/mcp; Ctrl-C ends")
    only = allow_commands or allow_content
    serving = serve(server, settings, bare, int(port), operators_only=only, certificate=certificate)
    finish(serving)


@mcp.command()
@click.option("--for", "client", required=True, help="nanobot, openclaw, rockbot or claude.")
@with_connection
def snippet(settings: Settings, client: str) -> None:
    """Print what to put where, so that an agent gets these tools."""
    from fleet.mcp.snippets import NOTE, Client
    from fleet.mcp.snippets import snippet as render

    try:
        known = Client(client)
    except ValueError:
        raise ConfigError(f"{client!r} is not known", "", f"--for {' or '.join(Client)}") from None
    note(f"{known.meaning}:")
    click.echo(render(known, str(settings.home)))
    note(NOTE)
