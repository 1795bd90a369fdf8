"""A second Mosquitto beside that of this home: its files, and the bridge that joins the two.

The bridge stands in the second one's configuration alone. Were it in both, what one passes on the
other would pass back, for ever. It carries the fleet's own topics both ways at QoS 1, and keeps for
each side what the other has not got yet. Nothing that is forbidden to clients passes it, since an
agent's rights are the same at both, and no account does.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fleet.contract import trusted_path
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import write_secret
from fleet.contract.topics import Topics
from fleet.contract.trusted_path import make_folder
from fleet.provisioning import acl_rules, mosquitto, names
from fleet.provisioning.certificates import Authority
from fleet.provisioning.dynsec import Account, Dynsec, create_account, create_role, delete_account
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.enrolment import NotProvenError
from fleet.provisioning.mosquitto import Plan
from fleet.settings import Settings

CA_FILES: Final = ("ca.pem", "crl.pem")
"""What the second one takes from the CA of this home; never the CA's key."""


@dataclass(frozen=True, slots=True)
class Standby:
    """The second broker.

    Attributes:
        folder: where its files are written, to be carried to its machine.
        place: where they will lie there.
        plan: its names and ports.
        first: where it reaches the first one.
        user: whom it runs as.
    """

    folder: Path
    place: Path
    plan: Plan
    first: BrokerUrl
    user: str = ""


def first_of(settings: Settings) -> BrokerUrl:
    """Where another machine reaches the broker of this home: by TLS, at its certificate's name.

    Raises:
        ConfigError: this home has no Mosquitto of its own, or it listens on no such port.
    """
    plan = mosquitto.plan_of(settings)
    if not mosquitto.runs_here(settings):
        raise ConfigError(
            f"{settings.home} has no Mosquitto of its own",
            "the second one needs its CA and its accounts",
            "fleet broker config --standby in the home of the first broker",
        )
    if not plan.tls_port:
        raise ConfigError(
            "the broker of this home has no TLS listener",
            "the bridge logs in by password",
            "tls_port = 8883 in [mosquitto], fleet broker config --write, and --first otherwise",
        )
    return BrokerUrl(plan.names[0], plan.tls_port, tls=True)


async def write(settings: Settings, standby: Standby, dynsec: Dynsec, now: float) -> list[Path]:
    """Make the bridge's account at the first broker, and write everything that the second one
    needs; the files. Can be run again: the bridge has a new password then.

    Raises:
        BrokerError: the first broker refuses.
        NotProvenError: the bridge's rights read back otherwise.
        ConfigError: a file cannot be read or written.
    """
    secret = new_secret()
    await _establish(settings.topics, dynsec, secret)
    folder, plan = standby.folder, replace(standby.plan, home=standby.place)
    for part in (folder, folder / "ca", folder / "broker", folder / "broker" / "data"):
        make_folder(part)
    authority = Authority(settings.home)
    server = authority.issue_for(standby.plan.names, now)
    texts = {
        "ca/server.key": server.key,
        "ca/server.pem": server.certificate,
        **{f"ca/{name}": (authority.folder / name).read_text() for name in CA_FILES},
        "broker/dynamic-security.json": _accounts(settings),
        "broker/mosquitto.conf": configuration(settings.topics, standby, plan, secret),
    }
    for name, text in texts.items():
        write_secret(folder / name, text)
    return [folder / name for name in texts]


def configuration(topics: Topics, standby: Standby, plan: Plan, secret: str) -> str:
    """The text of its `mosquitto.conf`."""
    user = standby.user or getpass.getuser()
    own = mosquitto.configuration(plan, mosquitto.find_plugin(), user)
    return f"{own}\n{bridge(topics, standby.first, secret, plan.home / 'ca' / 'ca.pem')}"


def bridge(topics: Topics, first: BrokerUrl, secret: str, ca_file: Path) -> str:
    """The part of it that joins it to `first`."""
    passed = [*(topics.every(kind) for kind in acl_rules.BRIDGED), topics.broadcast]
    lines = [f"topic {topic} both 1" for topic in passed]
    if first.tls:
        lines = [f"bridge_cafile {ca_file}", "bridge_tls_version tlsv1.2", *lines]
    name = names.bridge_account(topics)
    text = _BRIDGE.format(host=f"{first.host}:{first.port}", name=name, secret=secret)
    return text + "\n".join(lines) + "\n"


async def _establish(topics: Topics, dynsec: Dynsec, secret: str) -> None:
    role = acl_rules.bridge(topics)
    if await dynsec.role(role.name) is None:
        await dynsec.run(create_role(role))
    else:
        await dynsec.run({"command": "modifyRole", **role.document()})
    if await dynsec.account(role.name) is not None:
        await dynsec.run(delete_account(role.name))
    await dynsec.run(create_account(Account(role.name, role.name, (role.name,)), secret))
    stored = await dynsec.role(role.name)
    if stored is None or sorted(stored.rights) != sorted(role.rights):
        raise NotProvenError(f"the role {role.name} is not as it should be", "it reads back so")


def _accounts(settings: Settings) -> str:
    """Every account of the first broker with its password's hash, but the bridge's: nobody bridges
    to the second."""
    name = names.bridge_account(settings.topics)
    path = mosquitto.plan_of(settings).seed_file
    try:
        document: dict[str, Any] = json.loads(trusted_path.read_text(path))
        for kind, key in (("clients", "username"), ("roles", "rolename")):
            document[kind] = [one for one in document[kind] if one[key] != name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the accounts in {path} cannot be read", str(error), f"ls -l {path}"
        ) from None
    return json.dumps(document, indent=1)


_BRIDGE: Final = """\
# The bridge to the first broker. Only here: in both, messages would go round for ever.
connection fleet-pair
address {host}
bridge_protocol_version mqttv50
# The other end knows it as a bridge: it sends nothing back, and leaves `retained` as it is.
try_private true
# Each end keeps what the other has not got yet, over a restart too.
cleansession false
local_cleansession false
# Seconds: a link that is half open ends after one and a half of it, and is tried again soon.
keepalive_interval 10
restart_timeout 1 10
remote_clientid {name}
local_clientid {name}
remote_username {name}
remote_password {secret}
"""
