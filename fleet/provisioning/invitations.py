"""The invitation that goes with a credential: where the broker is, whom to trust."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from fleet import keys
from fleet.contract.broker_url import BrokerUrl, BrokerUrls
from fleet.contract.invitation import CA, TOKEN, Invitation
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Kind
from fleet.provisioning import https
from fleet.provisioning.certificates import Authority
from fleet.provisioning.enrolment import Credential
from fleet.provisioning.mosquitto import plan_of
from fleet.provisioning.registry import Registry
from fleet.settings import Settings
from fleet.tokens import Principal, Role, Tokens


def invite(
    settings: Settings, credential: Credential, kind: Kind, broker: str | None, token: str = ""
) -> Invitation:
    """Everything the agent's side needs but the secret and the `token`; `broker` overrides where it
    connects. With a token goes the hub's address.

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
        ca=_authorities(settings, credential.agent, ca_file if encrypted else None),
        keys=keys.public_text(keys.read_ring(settings.home), time.time()),
        certificate=credential.issued.certificate if credential.issued else "",
        prefix=settings.topics.prefix,
        manager=settings.topics.manager,
        hub=hub_address(settings) if token else "",
    )


def hub_address(settings: Settings) -> str:
    """Where an agent reaches the hub for work: as the settings say it, else by the name of the
    certificate; empty: it is not known."""
    if settings.hub:
        return settings.hub
    host, port = settings.http_host, settings.http_port
    if not port:
        return ""
    if https.is_local(host):
        return f"http://127.0.0.1:{port}"
    if settings.http_plain:
        return ""  # the proxy before it is not ours to know
    name = plan_of(settings).names[0] if host in https.ANYWHERE else host
    return f"https://[{name}]:{port}" if ":" in name else f"https://{name}:{port}"


def token_for(settings: Settings, agent: str, now: float) -> str:
    """A token for an agent that has part in work and no token yet; else, or where its hub's address
    is not known, empty."""
    tokens = Tokens(settings.home)
    if not _works(settings, agent) or not hub_address(settings) or tokens.of_agent(agent):
        return ""
    return tokens.create(Principal(Role.AGENT, agent), timestamp(now))[0]


def why_no_token(settings: Settings, agent: str) -> tuple[str, str] | None:
    """Why an agent that has part in work is given no token now, and what to do; None: it has none,
    or gets one."""
    if not _works(settings, agent):
        return None
    if known := Tokens(settings.home).of_agent(agent):
        ids = ", ".join(entry.id for entry in known)
        return f"it has one already, {ids}", f"fleet token create --role agent:{agent}"
    if hub_address(settings):
        return None
    then = f"then fleet agent allow {agent} with its kinds again"
    if not settings.http_port:
        return "the hub serves no HTTP: FLEET_HTTP has port 0", f"FLEET_HTTP=0.0.0.0:8088, {then}"
    why = "FLEET_HTTP_PLAIN: the hub stands behind a proxy, whose address is not known here"
    return why, f"FLEET_HUB=https://ITS-NAME for the hub, {then}"


def has_token(settings: Settings, agent: str) -> bool:
    return bool(Tokens(settings.home).of_agent(agent))


def work_env(settings: Settings, folder: Path) -> dict[str, str]:
    """What `agent.env` of an agent must say beside the token in its file, all of it in `folder`."""
    address = hub_address(settings)
    env = {"FLEET_HUB": address, "FLEET_TOKEN_FILE": str(folder / TOKEN)}
    if address.startswith("https:") and Authority(settings.home).ca_file.exists():
        env["FLEET_CA_FILE"] = str(folder / CA)
    return env


def _works(settings: Settings, agent: str) -> bool:
    enrolled = (Registry(settings.home).agents() or {}).get(agent)
    return enrolled is not None and bool(enrolled.can or enrolled.may_delegate)


def _authorities(settings: Settings, agent: str, of_broker: Path | None) -> str:
    """The certificates that the agent's side trusts: its broker's, and for work the hub's."""
    of_hub = Authority(settings.home).ca_file
    secure = hub_address(settings).startswith("https:")
    files = (of_broker, of_hub if secure and _works(settings, agent) else None)
    return "".join(dict.fromkeys(f.read_text() for f in files if f is not None and f.exists()))


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
