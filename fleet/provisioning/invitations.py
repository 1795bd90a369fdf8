"""The invitation that goes with a credential: where the broker is, whom to trust."""

from __future__ import annotations

import time
from dataclasses import replace

from fleet import keys
from fleet.contract.broker_url import BrokerUrl, BrokerUrls
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
    urls = BrokerUrls.parse(broker) if broker else _addresses(settings, credential)
    own = plan_of(settings).config_file.exists()
    ca_file = Authority(settings.home).ca_file if own else settings.ca_file
    encrypted = any(one.tls for one in urls.every)
    return Invitation(
        agent=credential.agent,
        broker=str(urls.as_user("" if credential.issued else credential.account)),
        kind="" if kind is Kind.GENERIC else kind.value,
        ca=ca_file.read_text() if encrypted and ca_file and ca_file.exists() else "",
        keys=keys.public_text(keys.read_ring(settings.home), time.time()),
        certificate=credential.issued.certificate if credential.issued else "",
        prefix=settings.topics.prefix,
        manager=settings.topics.manager,
    )


def secret_of(credential: Credential) -> str:
    """What the agent's side must keep: the password, or the private key."""
    return credential.issued.key if credential.issued else credential.secret or ""


def _addresses(settings: Settings, credential: Credential) -> BrokerUrls:
    """Our own broker by TLS at its certificate's name, and those beside it; others where the
    settings have them. A second one listens for certificates where ours does."""
    plan = plan_of(settings)
    if settings.agent_brokers:
        return settings.agent_brokers
    if not plan.config_file.exists():
        return settings.brokers
    port = plan.mtls_port if credential.issued else plan.tls_port
    if not port:
        return settings.brokers
    own = BrokerUrl(plan.names[0], port, tls=True)
    others = settings.standbys
    if credential.issued:
        others = tuple(replace(one, port=port) for one in others)
    return BrokerUrls((own, *others))
