"""What TLS has to do with it that a port does not answer as a broker."""

from __future__ import annotations

import socket
from typing import Final

from fleet.bus.connect_options import ConnectOptions
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.tls_faults import HELLO, TlsFault, answers_tls, refusal_of

PATIENCE: Final = 2.0
"""Seconds for an answer: it was reachable a moment ago."""


def tls_fault(options: ConnectOptions) -> TlsFault | None:
    """Why a broker of `options` hangs up on whoever connects, if TLS is why; blocks."""
    if options.url.tls:
        return _refusal(options)
    return TlsFault.ONLY_TLS if speaks_tls(options.url) else None


def _refusal(options: ConnectOptions) -> TlsFault | None:
    """A handshake without an MQTT packet behind it: who still hangs up does not like our
    certificate; its alert is lost where a packet met the closed link."""
    context, url = options.tls_context(), options.url
    own = options.cert_file is not None
    try:
        with socket.create_connection((url.host, url.port), PATIENCE) as plain:
            assert context is not None  # noqa: S101 - asked for TLS addresses only
            with context.wrap_socket(plain, server_hostname=url.host) as link:
                link.recv(1)
    except TimeoutError:
        return None  # it waits for our CONNECT
    except OSError as error:
        return refusal_of(error, certificate=own)
    return refusal_of("", certificate=own)


def speaks_tls(url: BrokerUrl) -> bool:
    """Ask `url` for TLS; blocks for at most twice `PATIENCE`."""
    try:
        with socket.create_connection((url.host, url.port), PATIENCE) as link:
            link.sendall(HELLO)
            return answers_tls(link.recv(16))
    except OSError:
        return False
