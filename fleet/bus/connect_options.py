"""How to reach a broker: address, credential, session."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.bus.port import LinkObserver, Will
from fleet.contract import trusted_path
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import ulid

if TYPE_CHECKING:
    from fleet.settings import Settings

KEEPALIVE: Final = 20
"""Seconds. A will after a dead network comes in about twice this; shorter costs idle traffic."""


def _ignore(_up: bool, _detail: str) -> None:
    """The observer of a link that nobody watches."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Everything one connection needs.

    Attributes:
        client_id: the account's name where a broker binds the two; else any unique text.
        persistent: keep the session (and queue QoS 1 messages) while we are away.
        manual_ack: QoS 1 messages are acknowledged by `Bus.ack` only, not on arrival.
        password: None where the broker asks for none; never shown.
    """

    url: BrokerUrl
    client_id: str
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    persistent: bool = False
    manual_ack: bool = False
    will: Will | None = None
    keepalive: int = KEEPALIVE
    on_link: LinkObserver = _ignore

    def tls_context(self) -> ssl.SSLContext | None:
        """
        Raises:
            ConfigError: a certificate or key cannot be loaded.
        """
        if not self.url.tls:
            return None
        try:
            for path in (self.ca_file, self.cert_file, self.key_file):
                if path is not None:
                    trusted_path.require(path)
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                "the TLS files cannot be loaded",
                str(error),
                "check FLEET_CA_FILE and FLEET_CERT_FILE",
            ) from None
        return context


def connect_options(
    settings: Settings,
    *,
    client_id: str | None = None,
    persistent: bool = False,
    manual_ack: bool = False,
    will: Will | None = None,
    on_link: LinkObserver = _ignore,
) -> ConnectOptions:
    """The connection that `settings` describe; without `client_id` a name of its own."""
    import time

    return ConnectOptions(
        settings.broker,
        client_id or f"{settings.topics.manager}-{ulid(time.time())[10:].lower()}",
        password=settings.password(),
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        persistent=persistent,
        manual_ack=manual_ack,
        will=will,
        on_link=on_link,
    )
