"""`fleet serve`: the hub daemon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import click

from fleet.cli.common import ending_signals, finish, note, with_settings
from fleet.contract.printable import log_to_stderr
from fleet.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from fleet.http.server import HeldAddress

LEFT: float = 1.0
"""Seconds after a hub's end for calls that still wait, as for a name server or a receiver that
gives no answer: nothing of theirs is to be kept, and Docker gives ten seconds for all."""


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Log what the hub does to stderr.")
@click.option(
    "--trust-clock",
    is_flag=True,
    help="Believe this machine's clock, however far it is from the last message; what is too old "
    "by it is deleted at once.",
)
@with_settings(*(setting.name for setting in SETTINGS))
def serve(settings: Settings, verbose: bool, trust_clock: bool) -> None:
    """Watch the fleet: ingest, store, liveness, alerts, HTTP. Ctrl-C stops it cleanly."""
    level = logging.INFO if verbose else logging.WARNING
    log_to_stderr(level, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    finish(_serve(settings, trust_clock=trust_clock))


async def _serve(settings: Settings, *, trust_clock: bool) -> None:
    """Serve until told to stop; a hub that finds that another leads waits for its turn again, and
    keeps its address meanwhile."""
    from fleet.http.server import HeldAddress
    from fleet.hub.free_memory import search_rarely
    from fleet.store.port import LeadershipLostError

    search_rarely()
    ended = asyncio.Event()
    with contextlib.closing(HeldAddress()) as address:
        while not ended.is_set():
            try:
                await _lead(settings, ended, address, trust_clock=trust_clock)
                _end_soon()
                return
            except LeadershipLostError as error:
                note(str(error))


async def _lead(
    settings: Settings, ended: asyncio.Event, address: HeldAddress, *, trust_clock: bool
) -> None:
    """One turn of a hub; `ended` is set when it was told to stop."""
    from fleet.contract.errors import FleetError
    from fleet.contract.timestamps import timestamp
    from fleet.daemon import complete_hub
    from fleet.hub_client import HubClient
    from fleet.tokens import Principal, Role, Tokens

    async def standing_by() -> None:
        """Say so in the home, unless a hub serves it that shares it with us."""
        with contextlib.suppress(FleetError):
            if await asyncio.to_thread(HubClient.serving, settings.home) is None:
                HubClient.withdraw(settings.home)
                left_by("").write(settings.home)

    def reads() -> None:
        """The command line of this home asks us, unless a hub serves it that shares it."""
        if HubClient.is_standby(settings.home):
            left_by(own_token()).write(settings.home)
            note("this hub serves what the one that leads has stored")

    def own_token() -> str:
        made_at = timestamp(time.time())
        return Tokens(settings.home).create(Principal(Role.ADMIN), made_at)[0]

    hub, api_server = complete_hub(
        settings, trust_clock=trust_clock, on_standby=standing_by, on_reading=reads
    )
    host, port = api_server.bind(address)
    url = f"{api_server.scheme}://{_reachable(host)}:{port}"
    loop = asyncio.get_running_loop()

    def left_by(secret: str) -> HubClient:
        return HubClient(url, secret, str(settings.brokers), api_server.ca_file)

    def stop() -> None:
        ended.set()
        address.close()  # who calls from now on is refused, and does not wait for an answer
        hub.stop()

    for number in (signal.SIGINT, *ending_signals()):
        loop.add_signal_handler(number, stop)

    def ready() -> None:
        # Only now: until the store was opened, this home may belong to another hub.
        HubClient.withdraw(settings.home)
        left_by(own_token()).write(settings.home)
        click.echo(f"fleet hub serves: broker {settings.brokers}, home {settings.home}")
        click.echo(f"HTTP, /metrics and the web page: {api_server.scheme}://{_shown(host)}:{port}/")
        note("Ctrl-C stops it.")

    try:
        await hub.run(ready)
    finally:
        api_server.close()
        if hub.started_at is not None or HubClient.leaves(settings.home, url):
            HubClient.withdraw(settings.home)


def _end_soon() -> None:
    """End this process although threads of it wait for others."""

    timer = threading.Timer(LEFT, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reachable(host: str) -> str:
    """Where this machine reaches what was bound to `host`, as it stands in a URL."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return _shown(host)
