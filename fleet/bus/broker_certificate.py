"""When the certificate ends that the broker shows, as a handshake tells."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Final

from fleet.bus.connect_options import ConnectOptions
from fleet.contract.tls_faults import TlsFault, fault_of

PATIENCE: Final = 3.0
"""Seconds for a handshake."""


def ends_at(options: ConnectOptions) -> float | None:
    """Epoch seconds; now, if it has ended already; None where it was not seen. Blocks.

    Raises:
        ConfigError: a certificate of ours cannot be loaded.
    """
    context, url = options.tls_context(), options.url
    if context is None:
        return None
    try:
        with (
            socket.create_connection((url.host, url.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=url.host) as secured,
        ):
            return float(ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"])))
    except (OSError, KeyError) as error:
        return time.time() if fault_of(error) is TlsFault.EXPIRED else None
