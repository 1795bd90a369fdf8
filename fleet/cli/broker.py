"""`fleet broker`: configure, secure and run Mosquitto; its certificates."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from pathlib import Path

import click

from fleet.cli.common import note, table, with_connection, with_output, with_settings, write_json
from fleet.settings import Settings


@click.group()
def broker() -> None:
    """Run, configure and secure Mosquitto."""


@broker.command()
@click.option("--user", default=getpass.getuser, help="The system account that it runs as.")
@click.option("--write", is_flag=True, help="Write it to broker/mosquitto.conf in the home.")
@with_settings("home", "prefix", "manager")
def config(settings: Settings, user: str, write: bool) -> None:
    """Print the production configuration that the settings describe."""
    from fleet.provisioning import home, mosquitto

    plan = mosquitto.plan_of(settings)
    if write:
        home.write_configuration(plan)
        note(f"written to {plan.config_file}; restart the broker")
        return
    click.echo(mosquitto.configuration(plan, mosquitto.find_plugin(), user), nl=False)


@broker.command()
@with_settings("home", "prefix", "manager")
def up(settings: Settings) -> None:
    """Run Mosquitto in the foreground with the home's configuration, making the home if need be."""
    from fleet.provisioning import home, mosquitto

    plan = mosquitto.plan_of(settings)
    home.create(plan, settings, time.time())
    program = mosquitto.find_program()
    mosquitto.check_ports(plan)
    ports = ", ".join(f"{address}:{port}" for address, port in plan.listeners)
    note(f"broker on {ports}; Ctrl-C ends it")
    os.umask(0o077)  # its pid file and its store
    os.execv(program, [program, "-c", str(plan.config_file)])  # noqa: S606 - no shell is wanted


@broker.command()
@click.option("--admin", required=True, metavar="ACCOUNT", help="An account that may make others.")
@click.option(
    "--admin-password-file", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="0600 file with its password.",
)  # fmt: skip
@with_connection
def secure(settings: Settings, admin: str, admin_password_file: Path) -> None:
    """Secure a broker that runs already with the dynamic security plugin.

    Denies by default, makes the fleet's own accounts, and writes their passwords to the home.
    """
    from fleet.provisioning import secure_broker

    made = asyncio.run(secure_broker.secure(settings, admin, admin_password_file))
    note(f"deny by default; accounts {', '.join(made)} are in force")
    note(
        f"{admin} still may do all of it: disable it, or say that you trust it (fleet.toml, [acl])"
    )
    note("next: fleet agent add alpha; fleet acl test")


@broker.command()
@click.option("--renew", is_flag=True, help="Make a new server certificate from the same CA.")
@with_output("table", "json")
@with_settings("home")
def certificates(settings: Settings, renew: bool, output: str) -> int:
    """Certificates of this home and how long they last. Exit 1: one ends within 30 days."""
    from fleet.contract.timestamps import timestamp
    from fleet.provisioning import mosquitto
    from fleet.provisioning.certificates import WARN_DAYS, Authority, expiring

    now = time.time()
    if renew:
        plan = mosquitto.plan_of(settings)
        Authority(settings.home).issue_server(plan.names, now)
        told = "the broker has it" if mosquitto.reload(plan) else "restart the broker"
        note(f"new certificate for {', '.join(plan.names)}; {told}")
    every = expiring(settings.home, now, float("inf"))
    rows = [(one, one.days_left(now)) for one in every]
    if output == "json":
        write_json(
            [
                {"subject": c.subject, "file": c.file, "ends": timestamp(c.ends), "days": int(days)}
                for c, days in rows
            ]
        )
    else:
        click.echo(
            table(
                ("subject", "days left", "ends", "file"),
                [(c.subject, f"{days:.0f}", timestamp(c.ends), c.file) for c, days in rows],
            )
        )
    return 1 if any(days < WARN_DAYS for _, days in rows) else 0
