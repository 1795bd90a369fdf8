"""What is wrong where the sidecar has no link, and what to try."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.mqtt.reconnect import LOST
from fleet.contract.host_name import for_socket
from fleet.contract.tls_faults import (
    HELLO,
    REMEDIES,
    TlsFault,
    answers_tls,
    fault_of,
    refusal_of,
    why,
)

_TLS: Final = "TLS: "

UNWANTED: Final = frozenset(
    f"refused: {reason}"
    for reason in ("Not authorized", "Bad user name or password", "Client identifier not valid")
)
"""Answers that stay the same however often one asks: the credential is not, or no longer, good."""

PATIENCE: Final = 2.0
"""Seconds for an answer: it was reachable a moment ago."""


def of_tls(fault: TlsFault, said: object = "") -> str:
    """The sentence of a fault; `said` are the library's words."""
    return _TLS + why(fault, said)


def read_in_log(line: str) -> str:
    """The sentence of what paho logs of a link that TLS ended; or nothing."""
    fault = fault_of(line) if "SSL" in line else None
    return "" if fault is None else of_tls(fault, line)


def lasts(reason: str) -> bool:
    """Whether trying again changes nothing: the credential or a certificate is not good."""
    passing = (TlsFault.NO_TLS, TlsFault.OTHER)  # a broker that restarts may look so
    tls = any(reason == of_tls(fault) for fault in TlsFault if fault not in passing)
    return tls or reason in UNWANTED


def remedy(reason: str, config: Config) -> str:
    """What to try, where `reason` tells; or nothing."""
    if reason in UNWANTED:
        return f"the newest join line; fleet agent rotate {config.agent} makes one"
    if reason.startswith(LOST) and config.path("FLEET_CERT_FILE"):
        return f"fleet agent list: is {config.agent}'s certificate still good?"
    known = (fault for fault in TlsFault if reason.startswith(_TLS + fault.meaning))
    return next((REMEDIES[fault] for fault in known), "")


def tls_trouble(config: Config) -> str:
    """Why a port does not answer as a broker, if TLS is why; or nothing. Blocks."""
    address = (for_socket(config.broker.host), config.broker.port)
    own = config.path("FLEET_CERT_FILE")
    try:
        plain = socket.create_connection(address, PATIENCE)
    except OSError:
        return ""  # the attempt itself will say why
    with plain:
        try:
            if config.broker.tls:
                return of_tls(_refusal(plain, config, own))
            plain.sendall(HELLO)
            return of_tls(TlsFault.ONLY_TLS) if answers_tls(plain.recv(16)) else ""
        except TimeoutError:
            return ""  # it waits for our CONNECT
        except OSError as error:
            tls = config.broker.tls
            return of_tls(refusal_of(error, certificate=own is not None)) if tls else ""


def _refusal(plain: socket.socket, config: Config, own: Path | None) -> TlsFault:
    """A handshake without an MQTT packet behind it: who still hangs up does not like our
    certificate; its alert is lost where a packet met the closed link."""
    import ssl

    context = ssl.create_default_context(cafile=config.path("FLEET_CA_FILE"))
    if own is not None:
        context.load_cert_chain(own, config.path("FLEET_KEY_FILE"))
    with context.wrap_socket(plain, server_hostname=for_socket(config.broker.host)) as link:
        link.recv(1)
    return refusal_of("", certificate=own is not None)
