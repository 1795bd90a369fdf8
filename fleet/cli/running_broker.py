"""A Mosquitto that runs already, brought to the fleet's rules, and the home that goes with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from fleet.cli.common import at_terminal, note
from fleet.contract.errors import ConfigError
from fleet.settings import Settings


def secured(settings: Settings, admin: str | None, password_file: Path | None) -> Settings:
    """Secure the broker of `settings`, and the settings with which the hub logs in from then on.

    Raises:
        FleetError: nobody says who may make accounts, or the broker refuses.
    """
    from fleet.provisioning import secure_broker
    from fleet.provisioning.mosquitto import Plan
    from fleet.provisioning.names import hub_account

    if (admin is None or password_file is None) and not at_terminal():
        raise ConfigError(
            "who may make accounts at the broker is not said",
            "fleet makes its own by another's right",
            "--admin ACCOUNT --admin-password-file FILE, of mode 0600 (mosquitto_ctrl dynsec init)",
        )
    if admin is None:
        admin = str(click.prompt("An account that may make others", default="admin", err=True))
    if password_file is None:
        password_file = Path(click.prompt("0600 file with its password", err=True))
    for place in settings.at_each():
        made = asyncio.run(secure_broker.secure(place, admin, password_file))
    note(f"deny by default; accounts {', '.join(made)} are in force")
    note(
        f"{admin} still may do all of it: disable it, or say that you trust it (fleet.toml, [acl])"
    )
    urls = settings.brokers.as_user(hub_account(settings.topics))
    own = replace(settings, broker=urls.first, standbys=urls.standbys)
    return replace(own, password_file=Plan(settings.home).hub_password)
