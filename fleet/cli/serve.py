"""`fleet serve`: the hub daemon."""

from __future__ import annotations

import asyncio
import logging
import signal
import time

import click

from fleet.cli.common import ending_signals, finish, note, with_settings
from fleet.contract.printable import log_to_stderr
from fleet.settings import SETTINGS, Settings


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Log what the hub does to stderr.")
@with_settings(*(setting.name for setting in SETTINGS))
def serve(settings: Settings, verbose: bool) -> None:
    """Watch the fleet: ingest, store, liveness, alerts, HTTP. Ctrl-C stops it cleanly."""
    level = logging.INFO if verbose else logging.WARNING
    log_to_stderr(level, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    finish(_serve(settings))


async def _serve(settings: Settings) -> None:
    from fleet.contract.timestamps import timestamp
    from fleet.daemon import complete_hub
    from fleet.hub_client import HubClient
    from fleet.tokens import Principal, Role, Tokens

    hub, api_server = complete_hub(settings)
    host, port = api_server.bind()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *ending_signals()):
        loop.add_signal_handler(number, hub.stop)

    def ready() -> None:
        # Only now: until the store was opened, this home may belong to another hub.
        HubClient.withdraw(settings.home)
        secret, _ = Tokens(settings.home).create(Principal(Role.ADMIN), timestamp(time.time()))
        url = f"http://{_reachable(host)}:{port}"
        HubClient(url, secret, str(settings.broker)).write(settings.home)
        click.echo(f"fleet hub serves: broker {settings.broker}, home {settings.home}")
        click.echo(f"HTTP, /metrics and the web page: http://{host}:{port}/")
        note("Ctrl-C stops it.")

    try:
        await hub.run(ready)
    finally:
        api_server.close()
        if hub.started_at is not None:
            HubClient.withdraw(settings.home)


def _reachable(host: str) -> str:
    """Where this machine reaches what was bound to `host`, as it stands in a URL."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
