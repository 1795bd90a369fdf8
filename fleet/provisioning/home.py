"""The hub's home as `fleet init` makes it: keys, CA, secrets, broker configuration, settings.

Everything is made where it is missing and left alone where it is there, so that it can be run
again after an update or half a failure.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet import keys
from fleet.broker_kind import BrokerKind
from fleet.bus.own_broker import TABLE
from fleet.contract import trusted_path
from fleet.contract.broker_url import BrokerUrls
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_password, write_secret
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX
from fleet.contract.trusted_path import make_folder, require
from fleet.provisioning import dynsec_seed, mosquitto
from fleet.provisioning.certificates import Authority
from fleet.provisioning.mosquitto import Plan, runs_here
from fleet.provisioning.names import hub_account
from fleet.provisioning.plan_check import require_possible
from fleet.provisioning.registry import Registry
from fleet.settings import FILE_NAME, Settings
from fleet.settings_file import SettingsFile
from fleet.settings_text import settings_with


def create(
    plan: Plan, settings: Settings, now: float, passphrase_file: Path | None = None
) -> list[Path]:
    """Make what is missing in a home with a Mosquitto of its own; the files that were made.

    Raises:
        ConfigError: the home cannot be written, is open to others, or Mosquitto's plugin is
            not installed.
    """
    require_possible(plan)
    mosquitto.find_plugin()  # before anything is written
    with _making(plan.home) as made:
        _foundation(plan.home, now, passphrase_file)
        authority = Authority(plan.home)
        if not authority.exists():
            authority.create(now)
        if not (authority.folder / "server.pem").exists():
            authority.issue_server(plan.names, now)
        _accounts(plan, settings)
        values = _of_topics(settings) | {
            "broker": f"mqtt://{hub_account(settings.topics)}@127.0.0.1:{plan.local_port}",
            "password_file": str(plan.hub_password.relative_to(plan.home)),
            TABLE: plan.table(),
        }
        if not runs_here(settings):
            _settle(plan.home, values)
        write_configuration(plan)
    return made


def adopt(
    settings: Settings,
    now: float,
    *,
    agent_broker: BrokerUrls | None = None,
    passphrase_file: Path | None = None,
) -> list[Path]:
    """Make what is missing in a home whose broker is that of `settings` and no Mosquitto of ours;
    the files that were made. Password and CA of the settings are copied into it.

    Raises:
        ConfigError: the home cannot be written or is open to others, or a file cannot be read.
    """
    home, plan = settings.home, Plan(settings.home)
    is_new = "broker" not in SettingsFile(home / FILE_NAME).document
    values: dict[str, Any] = {"broker": str(settings.brokers), **_of_topics(settings)}
    if settings.broker_kind is not BrokerKind.MOSQUITTO:
        values["broker_kind"] = str(settings.broker_kind)
    if agent_broker:
        values["agent_broker"] = str(agent_broker)
    taken = dict(_taken(settings, plan))  # read before anything is written
    with _making(home) as made:
        _foundation(home, now, passphrase_file)
        for (name, path), text in taken.items():
            values[name] = str(path.relative_to(home))
            write_secret(path, text)
        named = {name for name, _ in taken}
        known = SettingsFile(home / FILE_NAME).document
        new = values if is_new else {name: values[name] for name in named - known.keys()}
        if new:
            _settle(home, new)
    return made


def _taken(settings: Settings, plan: Plan) -> Iterator[tuple[tuple[str, Path], str]]:
    """Files of the settings that the home gets: (setting, where it stands then), text.

    Raises:
        ConfigError: one cannot be read.
    """
    if settings.password_file is not None:
        text = f"{read_password(settings.password_file)}\n"
        yield ("password_file", plan.hub_password), text
    if settings.ca_file is not None:
        try:
            text = trusted_path.read_text(settings.ca_file)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            remedy = f"ls -l {settings.ca_file}"
            raise ConfigError(f"{settings.ca_file} cannot be read", why, remedy) from None
        yield ("ca_file", plan.folder / "ca.pem"), text


def settled(settings: Settings) -> bool:
    """Whether this home says already which broker is its own."""
    return runs_here(settings) or "broker" in SettingsFile(settings.home / FILE_NAME).document


def runs_broker(settings: Settings) -> bool:
    """Whether `fleet broker up` runs the broker of this home."""
    return runs_here(settings) or settings.broker_kind is BrokerKind.EMBEDDED


@contextmanager
def _making(home: Path) -> Iterator[list[Path]]:
    """A list that holds what the block made, once it is over."""
    _private_folder(home)
    before = set(_files(home))
    made: list[Path] = []
    yield made
    made += sorted(set(_files(home)) - before)


def _foundation(home: Path, now: float, passphrase_file: Path | None) -> None:
    """What every home has: keys that sign commands, and the list of agents."""
    if not keys.read_ring(home).keys:
        keys.rotate(home, now, passphrase_file=passphrase_file)
    registry = Registry(home)
    if registry.everyone() is None:
        registry.create()


def write_configuration(plan: Plan) -> None:
    """(Re)write `mosquitto.conf` from the plan."""
    require_possible(plan)
    make_folder(plan.folder / "data")
    text = mosquitto.configuration(plan, mosquitto.find_plugin(), getpass.getuser())
    write_secret(plan.config_file, text)


def _accounts(plan: Plan, settings: Settings) -> None:
    for path in (plan.hub_password, plan.admin_password):
        if not path.exists():
            write_secret(path, f"{dynsec_seed.new_secret()}\n")
    if not plan.seed_file.exists():
        secrets = (read_password(plan.admin_password), read_password(plan.hub_password))
        write_secret(plan.seed_file, dynsec_seed.document(settings.topics, *secrets))


def _of_topics(settings: Settings) -> dict[str, Any]:
    topics = settings.topics
    if (topics.prefix, topics.manager) == (DEFAULT_PREFIX, DEFAULT_MANAGER):
        return {}
    return {"prefix": topics.prefix, "manager": topics.manager}


def _settle(home: Path, values: Mapping[str, Any]) -> None:
    """Write `values` into the settings; what stands there beside them stays."""
    file = home / FILE_NAME
    text = trusted_path.read_text(file) if file.exists() else ""
    write_secret(file, settings_with(text, {(name,): value for name, value in values.items()}))


def _private_folder(path: Path) -> None:
    try:
        make_folder(path)
        require(path)
        path.chmod(0o700)
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"the home {path} cannot be made", why, "FLEET_HOME=…") from None


def _files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]
