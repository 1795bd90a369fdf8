"""The invitation that goes with a credential: where the broker is, whom to trust."""

from __future__ import annotations

import time
from dataclasses import replace

from fleet import keys
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.invitation import Invitation
from fleet.contract.vocabulary import Kind
from fleet.provisioning.certificates import Authority
from fleet.provisioning.enrolment import Credential
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import Settings


def invite(
    settings: Settings, credential: Credential, kind: Kind, broker: str | None
) -> Invitation:
    """Everything the agent's side needs but the secret; `broker` overrides where it connects.

    Raises:
        ConfigError: `broker` is not an address.
    """
    url = BrokerUrl.parse(broker) if broker else _address(settings, credential)
    authority = Authority(settings.home)
    return Invitation(
        agent=credential.agent,
        broker=str(replace(url, user="" if credential.issued else credential.account)),
        kind="" if kind is Kind.GENERIC else kind.value,
        ca=authority.ca_file.read_text() if url.tls and authority.exists() else "",
        keys=keys.public_text(keys.read_ring(settings.home), time.time()),
        certificate=credential.issued.certificate if credential.issued else "",
        prefix=settings.topics.prefix,
        manager=settings.topics.manager,
    )


def secret_of(credential: Credential) -> str:
    """What the agent's side must keep: the password, or the private key."""
    return credential.issued.key if credential.issued else credential.secret or ""


def _address(settings: Settings, credential: Credential) -> BrokerUrl:
    """Our own broker by TLS at its certificate's name; another one where the settings have it."""
    plan = plan_of(settings)
    if not plan.config_file.exists():
        return settings.broker
    port = plan.mtls_port if credential.issued else plan.tls_port
    if not port:
        return settings.broker
    return BrokerUrl(plan.names[0], port, tls=True)
