"""The hub's home as `fleet init` makes it: keys, CA, secrets, broker configuration, settings.

Everything is made where it is missing and left alone where it is there, so that it can be run
again after an update or half a failure.
"""

from __future__ import annotations

import getpass
import json
from pathlib import Path

from fleet import keys
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX
from fleet.contract.trusted_path import make_folder, require
from fleet.provisioning import dynsec_seed, mosquitto
from fleet.provisioning.certificates import Authority
from fleet.provisioning.mosquitto import TABLE, Plan
from fleet.provisioning.names import hub_account
from fleet.provisioning.registry import Registry
from fleet.settings import FILE_NAME, Settings


def create(
    plan: Plan, settings: Settings, now: float, passphrase_file: Path | None = None
) -> list[Path]:
    """Make what is missing in the home; the files that were made.

    Raises:
        ConfigError: the home cannot be written, is open to others, or Mosquitto's plugin is
            not installed.
    """
    _private_folder(plan.home)
    before = set(_files(plan.home))
    if not keys.read_ring(plan.home).keys:
        keys.rotate(plan.home, now, passphrase_file=passphrase_file)
    authority = Authority(plan.home)
    if not authority.exists():
        authority.create(now)
    if not (authority.folder / "server.pem").exists():
        authority.issue_server(plan.names, now)
    _accounts(plan, settings)
    registry = Registry(plan.home)
    if registry.everyone() is None:
        registry.create()
    if not (plan.home / FILE_NAME).exists():
        write_secret(plan.home / FILE_NAME, _settings_text(plan, settings))
    write_configuration(plan)
    return sorted(set(_files(plan.home)) - before)


def write_configuration(plan: Plan) -> None:
    """(Re)write `mosquitto.conf` from the plan."""
    make_folder(plan.folder / "data")
    text = mosquitto.configuration(plan, mosquitto.find_plugin(), getpass.getuser())
    write_secret(plan.config_file, text)


def _accounts(plan: Plan, settings: Settings) -> None:
    for path in (plan.hub_password, plan.admin_password):
        if not path.exists():
            write_secret(path, f"{dynsec_seed.new_secret()}\n")
    if not plan.seed_file.exists():
        secrets = (read_secret(plan.admin_password), read_secret(plan.hub_password))
        write_secret(plan.seed_file, dynsec_seed.document(settings.topics, *secrets))


def _settings_text(plan: Plan, settings: Settings) -> str:
    topics = settings.topics
    lines = [
        f'broker = "mqtt://{hub_account(topics)}@127.0.0.1:{plan.local_port}"',
        f"password_file = {json.dumps(str(plan.hub_password))}",
    ]
    if (topics.prefix, topics.manager) != (DEFAULT_PREFIX, DEFAULT_MANAGER):
        lines += [f'prefix = "{topics.prefix}"', f'manager = "{topics.manager}"']
    lines += ["", f"[{TABLE}]", *(f"{k} = {json.dumps(v)}" for k, v in plan.table().items())]
    return "\n".join(lines) + "\n"


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
