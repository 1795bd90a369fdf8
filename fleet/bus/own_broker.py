"""Whether what listens on the plain port of loopback is the broker of this home.

Anybody on this machine may listen there while the home's broker is down, and would be sent the
hub's password. The broker's TLS listener proves it first: only the home's broker has a certificate
of the home's CA, and Mosquitto ends where it cannot have all of its listeners, so that where one is
its own, the others are.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, ConfigError

if TYPE_CHECKING:
    from fleet.settings import Settings

TABLE: Final = "mosquitto"
"""The table of `fleet.toml` that describes the broker of the home."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
PATIENCE: Final = 5.0
"""Seconds for a handshake."""

_NO_CHECK_TIME: Final = 0x20_0000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: a certificate that ended, or a clock that is wrong, makes
the broker no stranger."""

_REMEDY: Final = "fleet broker up, which says what is in its way and what to change"


@dataclass(frozen=True, slots=True)
class Witness:
    """The TLS listener that proves the broker, and the CA that it must be of."""

    address: str
    port: int
    ca_file: Path


def witness_of(settings: Settings) -> Witness | None:
    """None where TLS proves the broker itself, or it is none of this home's.

    Raises:
        ConfigError: the settings say two ports of one broker.
    """
    table: dict[str, Any] | None = settings.tables.get(TABLE)
    broker = settings.broker
    if table is None or broker.tls or broker.host not in LOOPBACK:
        return None
    local = table.get("local_port", 1883)
    of_file = not settings.origins.get("broker", ("", "--"))[1].startswith(("--", "FLEET_"))
    if broker.port != local and of_file:
        user = f"{broker.user}@" if broker.user else ""
        raise ConfigError(
            f"fleet.toml says port {broker.port} in broker, and {local} in [{TABLE}] local_port",
            "a stranger's broker could be sent the hub's password",
            f'broker = "mqtt://{user}127.0.0.1:{local}" in fleet.toml',
        )
    ca_file = settings.home / "ca" / "ca.pem"
    port = table.get("tls_port", 8883) or table.get("mtls_port", 0)
    if broker.port != local or not port or not ca_file.exists():
        return None
    bind = table.get("bind", "127.0.0.1")
    return Witness({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind), port, ca_file)  # noqa: S104


async def prove(witness: Witness | None, url: BrokerUrl) -> None:
    """
    Raises:
        BrokerError: as `require_own`.
    """
    if witness is not None:
        await asyncio.to_thread(require_own, witness, url)


def require_own(witness: Witness, url: BrokerUrl) -> None:
    """Blocks.

    Raises:
        BrokerError: the home's broker does not run, or another listens in its place.
    """
    context = ssl.create_default_context(cafile=witness.ca_file)
    context.check_hostname = False  # the CA issues to nobody else what a server may show
    context.verify_flags |= _NO_CHECK_TIME
    where = f"{witness.address}:{witness.port}"
    try:
        with (
            socket.create_connection((witness.address, witness.port), PATIENCE) as plain,
            context.wrap_socket(plain) as secured,
            contextlib.suppress(OSError),
        ):  # mTLS: it hears only now that we have none
            secured.unwrap()
    except ssl.SSLError as error:
        raise BrokerError(
            f"the broker {url} is not the one of this home",
            f"{where} does not show its certificate: {error.reason or error}",
            _REMEDY,
        ) from None
    except OSError as error:
        why = f"{where}, where it would show its certificate: {error.strerror or error}"
        raise BrokerError(
            f"the broker {url} cannot be reached", why, "fleet broker up starts it"
        ) from None
