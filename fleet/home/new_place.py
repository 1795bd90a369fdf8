"""What is other about a home in a new place: its broker's name and address, and whose files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fleet.bus.own_broker import TABLE
from fleet.contract import trusted_path
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import write_secret
from fleet.provisioning import home as homes
from fleet.provisioning.certificates import Authority
from fleet.provisioning.mosquitto import Plan, plan_of, runs_here
from fleet.provisioning.plan_check import require_address, require_host
from fleet.settings import FILE_NAME, Settings, load
from fleet.settings_text import settings_with


@dataclass(frozen=True, slots=True)
class NewPlace:
    """What is other than it was.

    Attributes:
        broker_name: the first name in the certificate of the home's own broker, which agents are
            told; the names before stay in it, lest agents that know them be shut out.
        bind: where its listeners with TLS are.
        broker: where the hub reaches its broker.
        password: of the hub's account there; empty: the one of before, which goes to no broker
            that does not prove to be the same, unless `keep_password` says that it is.
    """

    broker_name: str = ""
    bind: str = ""
    broker: BrokerUrl | None = None
    password: str = field(default="", repr=False)
    keep_password: bool = False


def apply(home: Path, place: NewPlace, now: float) -> None:
    """Write what is new of the place into the settings, and make the certificate that goes with
    it."""
    settings = load({"home": str(home)}, variables())
    plan = plan_of(settings)
    own = Authority(home).exists() and runs_here(settings)
    changes: dict[tuple[str, ...], Any] = {}
    if (place.broker_name or place.bind) and not own:
        raise ConfigError(
            "this home runs no broker",
            "so there is no certificate to renew and nothing to bind",
            "--broker-url says where its broker is now",
        )
    if place.broker:
        changes |= _at(home, settings, place, place.broker)
    if place.bind:
        changes[TABLE, "bind"] = place.bind
    if place.bind:
        require_address(place.bind)
    if place.broker_name:
        require_host(place.broker_name)
        names = list(dict.fromkeys((place.broker_name, *plan.names)))
        plan = replace(plan, names=tuple(names))
        changes[TABLE, "names"] = names
        Authority(home).issue_server(names, now)
    if changes:
        file = home / FILE_NAME
        text = trusted_path.read_text(file) if file.exists() else ""
        write_secret(file, settings_with(text, changes))
        load({"home": str(home)}, variables())


def _at(
    home: Path, settings: Settings, place: NewPlace, broker: BrokerUrl
) -> dict[tuple[str, ...], Any]:
    """What the settings say of another broker; its password is in the home then.

    Raises:
        ConfigError: the password of before would go to whoever listens there.
    """
    changes: dict[tuple[str, ...], Any] = {("broker",): str(broker)}
    ca_file = settings.ca_file
    if broker.tls and ca_file is None and Authority(home).exists():  # the home's own, elsewhere
        ca_file = Authority(home).ca_file
        changes["ca_file",] = str(ca_file.relative_to(home))
    if place.password:
        file = plan_of(settings).hub_password
        write_secret(file, f"{place.password}\n")
        changes["password_file",] = str(file.relative_to(home))
        return changes
    moved = (broker.host, broker.port) != (settings.broker.host, settings.broker.port)
    proven = broker.tls and ca_file is not None
    if settings.password_file is not None and moved and not proven and not place.keep_password:
        raise ConfigError(
            f"the password of {settings.broker} is not for {broker}",
            "nothing proves that this is the same broker",
            "--password-file FILE with the hub's password there; or --keep-password, if it is",
        )
    return changes


def variables() -> dict[str, str]:
    """The environment without settings of ours: they are of another home."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}


def configure(plan: Plan) -> list[str]:
    """The broker's configuration names files by where they are: made anew."""
    if not plan.config_file.exists():
        return []
    try:
        homes.write_configuration(plan)
    except ConfigError as error:
        return [f"{error.what}: install it, then fleet broker config --write"]
    return []
