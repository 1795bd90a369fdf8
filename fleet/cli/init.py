"""`fleet init`: the hub's home, with keys, CA and broker configuration."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from fleet.cli.common import note, with_settings
from fleet.contract.errors import ConfigError
from fleet.settings import FILE_NAME, Settings


@click.command()
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="Host name or address in the broker's certificate; the first is told to agents.",
)  # fmt: skip
@click.option("--bind", metavar="ADDRESS", help="Where agents reach the broker; 0.0.0.0 for all.")
@click.option("--local-port", type=int, help="Plain port for the hub, on loopback only.")
@click.option("--tls-port", type=int, help="TLS port for agents with a password.")
@click.option("--mtls-port", type=int, help="TLS port for agents with a certificate; 0: none.")
@click.option(
    "--key-passphrase-file", type=click.Path(dir_okay=False, path_type=Path),
    help="0600 file with a passphrase that encrypts the signing keys.",
)  # fmt: skip
@with_settings("home", "prefix", "manager")
def init(
    settings: Settings,
    names: tuple[str, ...],
    bind: str | None,
    local_port: int | None,
    tls_port: int | None,
    mtls_port: int | None,
    key_passphrase_file: Path | None,
) -> None:
    """Make the hub's home: signing keys, CA, accounts, broker configuration, fleet.toml.

    What is there stays as it is: run it again after an update or half a failure.
    """
    from fleet.provisioning import home
    from fleet.provisioning.mosquitto import TABLE, plan_of

    before = plan_of(settings)
    plan = replace(
        before,
        names=tuple(dict.fromkeys((*names, *before.names))),
        bind=before.bind if bind is None else bind,
        local_port=before.local_port if local_port is None else local_port,
        tls_port=before.tls_port if tls_port is None else tls_port,
        mtls_port=before.mtls_port if mtls_port is None else mtls_port,
    )
    file = settings.home / FILE_NAME
    if plan != before and file.exists():
        raise ConfigError(
            f"{file} says otherwise",
            "it is never overwritten",
            f"change the table [{TABLE}] in it, then fleet broker config --write",
        )
    made = home.create(plan, settings, time.time(), key_passphrase_file)
    for path in made:
        click.echo(path)
    note(f"{len(made)} files made in {settings.home}" if made else "everything is there already")
    note("next: fleet broker up, fleet serve, fleet agent add alpha")
    if plan.bind == "127.0.0.1":
        note("agents elsewhere need --name HOST --bind 0.0.0.0")
