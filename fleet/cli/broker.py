"""`fleet broker`: configure, secure and run Mosquitto; its certificates."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path

import click

from fleet.cli.broker_standby import Second, with_second
from fleet.cli.common import (
    following,
    note,
    table,
    with_connection,
    with_output,
    with_settings,
    write_json,
)
from fleet.contract.errors import ConfigError
from fleet.settings import Settings


@click.group()
def broker() -> None:
    """Run, configure and secure Mosquitto."""


@broker.command()
@click.option("--user", default=getpass.getuser, help="The system account that it runs as.")
@click.option("--write", is_flag=True, help="Write it to broker/mosquitto.conf in the home.")
@click.option(
    "--standby", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Write to DIR what a second Mosquitto needs, with a bridge to this one.",
)  # fmt: skip
@with_second
@with_connection
def config(
    settings: Settings, user: str, write: bool, standby: Path | None, second: Second
) -> None:
    """Print the production configuration that the settings describe.

    With --standby DIR it makes the bridge's account at the broker of this home, and everything
    that a second one needs: certificate, accounts, configuration. DIR goes to its machine.
    """
    from fleet.provisioning import home, mosquitto

    if standby is not None:
        second.write(settings, standby, user)
        return
    plan = mosquitto.plan_of(settings)
    if write and not mosquitto.runs_here(settings):
        if home.settled(settings):
            why, remedy = f"its broker is {settings.broker}", "fleet broker config, to see it"
        else:
            why, remedy = "nothing says which broker it has", "fleet init --own-broker"
        raise ConfigError(f"{settings.home} has no broker to configure", why, remedy)
    if write:
        home.write_configuration(plan)
        note(f"written to {plan.config_file}; restart the broker")
        return
    click.echo(mosquitto.configuration(plan, mosquitto.find_plugin(), user), nl=False)


@broker.command()
@click.option("--repair", is_flag=True, help="Mend what this home can mend.")
@with_output("table", "json")
@with_connection
def accounts(settings: Settings, repair: bool, output: str) -> int:
    """What each broker of FLEET_BROKER has otherwise than the list of agents. Exit 1: something.

    An account that is missing is made where its secret waits here; one that was ended is ended.
    """
    from fleet.cli.broker_accounts import compared

    return compared(settings, repair=repair, output=output)


@broker.command()
@with_settings("home", "prefix", "manager")
def up(settings: Settings) -> None:
    """Run the broker of this home in the foreground: its Mosquitto, or the embedded one."""
    from fleet.broker_kind import BrokerKind
    from fleet.provisioning import home, mosquitto, names

    if settings.broker_kind is BrokerKind.EMBEDDED:
        _run_embedded(settings)
        return
    if not mosquitto.runs_here(settings):
        if home.settled(settings):
            why, remedy = f"its broker is {settings.brokers}", "fleet doctor"
        else:
            why, remedy = "nothing says which broker it has", "fleet init --own-broker"
        raise ConfigError(f"{settings.home} has no broker to run", why, remedy)
    plan = mosquitto.plan_of(settings)
    home.create(plan, settings, time.time())
    program = mosquitto.find_program()
    mosquitto.check_ports(plan, names.hub_account(settings.topics))
    ports = ", ".join(f"{address}:{port}" for address, port in plan.listeners)
    note(f"broker on {ports}; Ctrl-C ends it")
    os.umask(0o077)  # its pid file and its store
    os.execv(program, [program, "-c", str(plan.config_file)])  # noqa: S606 - no shell is wanted


def _run_embedded(settings: Settings) -> None:
    from fleet.bus.local_broker import LocalBroker

    folder = settings.home / "broker"
    with LocalBroker(folder, settings.broker.port, embedded=True) as broker:
        note(f"{broker.name} on {broker.url} ({broker.caution}); Ctrl-C ends it")
        broker.wait()


@broker.command()
@click.option("--admin", required=True, metavar="ACCOUNT", help="An account that may make others.")
@click.option(
    "--admin-password-file", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="0600 file with its password.",
)  # fmt: skip
@with_connection
def secure(settings: Settings, admin: str, admin_password_file: Path) -> None:
    """Secure a broker that runs already with the dynamic security plugin, and make its home.

    Denies by default, makes the fleet's own accounts, and writes their passwords, the signing keys
    and fleet.toml to the home. The same as fleet init --broker URL --admin ACCOUNT.
    """
    from fleet.cli.running_broker import secured
    from fleet.provisioning import home

    for path in home.adopt(secured(settings, admin, admin_password_file), time.time()):
        click.echo(path)
    note(f"{following(settings)} fleet doctor, fleet acl test, fleet serve, fleet agent add alpha")


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
        from fleet.hub.machine_clock import require_credible

        require_credible(settings.home)
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
