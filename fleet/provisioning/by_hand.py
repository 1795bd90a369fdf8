"""Enrolment where fleet makes no accounts: on the list here, and what to make at the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.broker_kind import BrokerKind
from fleet.contract.errors import ConfigError
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import Kind
from fleet.provisioning import acl_rules, names
from fleet.provisioning.acl_rules import Acl
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.enrolment import Credential
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings
from fleet.store.open import reserve_name


def add(
    settings: Settings,
    name: str,
    kind: Kind,
    labels: Mapping[str, str],
    groups: Sequence[str],
    now: float,
    *,
    certificate: bool = False,
    reuse: bool = False,
) -> Credential:
    """Put the agent on the list, with a password that the broker does not know yet.

    Raises:
        ConfigError: the name is not usable, enrolled, or was revoked (unless `reuse`).
    """
    names.check_agent_name(settings.topics, name)
    if certificate:
        why = f"broker_kind is {settings.broker_kind}: it does not know our CA"
        raise ConfigError("no certificate can be made for this broker", why, "leave --certificate")
    registry = Registry(settings.home)
    known = (registry.everyone() or {}).get(name)
    if known is not None and (known.revoked_at is None or not reuse):
        why = "it is on the list" if known.revoked_at is None else "it was revoked"
        remedy = f"fleet agent revoke {name}, then fleet agent add {name} --reuse"
        raise ConfigError(f"the name {name} is taken", why, remedy)
    reserve_name(settings, name)
    registry.save(Enrolled(name, kind, dict(labels), tuple(groups), enrolled_at=now))
    return Credential(name, name, new_secret())


def account(kind: BrokerKind, topics: Topics, name: str) -> str:
    """What the account of one agent must be at the broker; the password is the agent's secret."""
    rights = acl_rules.agent(topics, name).rights
    publish = [right.topic for right in rights if right.acltype == Acl.SEND]
    subscribe = [right.topic for right in rights if right.acltype == Acl.SUBSCRIBE]
    if kind is BrokerKind.EMBEDDED:
        return "# nothing: this broker lets in whoever is on this machine"
    if kind is BrokerKind.NATS:
        written = ", ".join(f'"{topic.replace("/", ".")}"' for topic in publish)
        read = ", ".join(f'"{topic.replace("/", ".")}"' for topic in subscribe)
        return (
            f"# in users.conf, then reload; HASH is what `nats server passwd` makes of the secret\n"
            f"{{ user: {name}, password: HASH,\n  permissions: {{\n    publish: [{written}]\n"
            f'    subscribe: [{read}, "$MQTT.sub.>"] }} }}'
        )
    if kind is BrokerKind.EMQX:
        return (
            f"# user {name} with the secret as password, in the built-in database; its rights are\n"
            "# the lines with ${username} in etc/acl.conf (docs/how-to/emqx.md)"
        )
    return "\n".join(
        [
            f"# account {name} with the secret as password; client id {name}",
            *(f"# may publish   {topic}" for topic in publish),
            *(f"# may subscribe {topic}" for topic in subscribe),
            "# and nothing else",
        ]
    )
