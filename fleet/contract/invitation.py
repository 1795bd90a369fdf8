"""What an agent's side is told to join the fleet: everything but the secret, as one word.

`fleet agent add` prints it, `agent-sidecar join` takes it and writes `agent.env`. The secret goes
another way (standard input, then a 0600 file), since an argument is seen by every process.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fleet.contract.broker_url import BrokerUrls
from fleet.contract.env_file import quoted
from fleet.contract.errors import ConfigError
from fleet.contract.topics import DEFAULT_MANAGER, DEFAULT_PREFIX, is_agent_name
from fleet.contract.web_address import is_web_address, refuse_login

_MARK: Final = "fleet1."
_MAX: Final = 64_000
"""Bytes of an unpacked invitation; an honest one has about 2,000."""

SECRET, CA, KEYS, TOKEN = "secret", "ca.pem", "commands.pub", "hub.token"
CERTIFICATE, KEY = "client.pem", "client.key"
ENV: Final = "agent.env"
"""The files beside `agent.env`."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the agent's side must know; the texts of files are PEM or key lines."""

    agent: str
    broker: str
    kind: str = ""
    ca: str = ""
    keys: str = ""
    certificate: str = ""
    prefix: str = DEFAULT_PREFIX
    manager: str = DEFAULT_MANAGER
    hub: str = ""
    """Its address for work; then the agent's token there comes with the secret."""

    def encode(self) -> str:
        """As one word that a shell leaves alone."""
        # What is not said is left out, so that releases before a field read the rest.
        said = {name: text for name, text in asdict(self).items() if text}
        text = json.dumps(said, separators=(",", ":"))
        packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9))
        return _MARK + packed.decode().rstrip("=")

    @classmethod
    def decode(cls, word: str) -> Invitation:
        """
        Raises:
            ConfigError: it was not made by `encode`, or not completely copied.
        """
        try:
            invitation = cls(**_unpack(word))
            "".join(getattr(invitation, name) for name in cls.__slots__).encode()  # text, whole
        except (ValueError, TypeError, AttributeError, RecursionError, zlib.error):
            raise ConfigError(
                "the invitation is not usable",
                "it is not complete, or not from fleet agent add",
                "copy the whole line that fleet agent add printed",
            ) from None
        BrokerUrls.parse(invitation.broker)
        if invitation.hub:
            refuse_login(invitation.hub, "the invitation's hub", "fleet agent rotate")
        odd = invitation.hub and not is_web_address(invitation.hub)
        plain = not odd and not any("\n" in value for value in invitation.settings())
        if not (plain and is_agent_name(invitation.agent)):
            raise ConfigError(
                "the invitation is not usable", "a field of it is not plain", "fleet agent rotate"
            )
        return invitation

    def settings(self) -> tuple[str, ...]:
        """The fields that become values in `agent.env`, one line each."""
        return (self.agent, self.broker, self.kind, self.prefix, self.manager, self.hub)

    def files(self, secret: str, token: str = "") -> dict[str, str]:
        """The files to write beside `agent.env`, by name; each 0600."""
        secret_file = KEY if self.certificate else SECRET
        texts = {
            secret_file: f"{secret.strip()}\n",
            TOKEN: f"{token.strip()}\n" if token else "",
            CERTIFICATE: self.certificate,
            CA: self.ca,
            KEYS: self.keys,
        }
        return {name: text for name, text in texts.items() if text}

    def env(self, folder: Path) -> dict[str, str]:
        """The lines of `agent.env` where its files are in `folder`."""
        by_certificate = bool(self.certificate)
        lines = {
            "FLEET_AGENT": self.agent,
            "FLEET_BROKER": self.broker,
            "FLEET_PASSWORD_FILE": "" if by_certificate else str(folder / SECRET),
            "FLEET_CERT_FILE": str(folder / CERTIFICATE) if by_certificate else "",
            "FLEET_KEY_FILE": str(folder / KEY) if by_certificate else "",
            "FLEET_CA_FILE": str(folder / CA) if self.ca else "",
            "FLEET_COMMAND_KEYS": str(folder / KEYS) if self.keys else "",
            "FLEET_HUB": self.hub,
            "FLEET_TOKEN_FILE": str(folder / TOKEN) if self.hub else "",
            "FLEET_KIND": self.kind,
            "FLEET_PREFIX": "" if self.prefix == DEFAULT_PREFIX else self.prefix,
            "FLEET_MANAGER": "" if self.manager == DEFAULT_MANAGER else self.manager,
        }
        return {name: value for name, value in lines.items() if value}


def _unpack(word: str) -> dict[str, str]:
    body = word.removeprefix(_MARK)
    packed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    fields = json.loads(zlib.decompressobj().decompress(packed, _MAX))
    if body == word or not all(isinstance(value, str) for value in fields.values()):
        raise ValueError
    return dict(fields)


def env_text(lines: Mapping[str, str], kept: str = "") -> str:
    """`agent.env` with `lines`, and with what stood there before (`kept`) where it is not ours.

    Raises:
        ConfigError: a value cannot be written so that all read it alike.
    """
    ours = {*lines, *_OURS}
    others = [line for line in kept.splitlines() if line.partition("=")[0].strip() not in ours]
    own = [f"{name}={quoted(value)}" for name, value in lines.items()]
    return "\n".join([*own, *others]) + "\n"


_OURS: Final = (
    "FLEET_PASSWORD_FILE",
    "FLEET_CERT_FILE",
    "FLEET_KEY_FILE",
    "FLEET_CA_FILE",
    "FLEET_COMMAND_KEYS",
)
"""What a join sets or takes away; the rest of the file belongs to whoever wrote it."""
