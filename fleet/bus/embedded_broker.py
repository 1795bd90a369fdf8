"""A broker from a wheel (iotcore, with rumqttd inside) for a machine without Mosquitto.

`python -m fleet.bus.embedded_broker CONFIG` serves what `configuration` wrote: loopback only, in
memory, open to whoever is on this machine, MQTT 3.1.1 (an MQTT 5 CONNECT is hung up on, so clients
fall back at once). No rights and nothing kept: for a first look. ADR-0008 says what it cannot do.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import threading
from importlib.metadata import version
from typing import Final

from fleet.bus.connection import IN_FLIGHT

PACKAGE: Final = "iotcore"

SEGMENT: Final = 4 << 20
SEGMENTS: Final = 16
"""Bytes of a piece of one filter's log, and how many pieces: of what waits for a reader the oldest
is lost beyond 64 MiB. By default it keeps what has passed, read or not."""


READY: Final = "listening"
"""What it says once the port is its own."""

_BOUND: Final = "Listening for remote connections"
"""rumqttd's word for it, of its logger `rumqttd.server.broker`."""


def available() -> bool:
    """Whether it is installed here: not every platform has a wheel."""
    return importlib.util.find_spec(PACKAGE) is not None


def name() -> str:
    return f"embedded {PACKAGE} {version(PACKAGE)}"


def configuration(port: int) -> str:
    """rumqttd's configuration (TOML): one listener, on loopback, whose memory is bounded."""
    return f"""\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {SEGMENT}
max_segment_count = {SEGMENTS}

[v4.1]
name = "loopback"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 10000
max_payload_size = 8192
max_inflight_count = {IN_FLIGHT}
dynamic_filters = true
"""


class _ReadyHandler(logging.Handler):
    """Says `READY` for rumqttd's own word, and then no more of its log: it would show clients and
    topics, and cost a call into Python for each packet."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(_BOUND):
            logging.disable(logging.CRITICAL)
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()


def serve(config: str) -> None:
    """Serve until SIGTERM, or until stdin closes because whoever started us is gone."""
    from iotcore import Broker

    logging.basicConfig(level=logging.CRITICAL, handlers=[_ReadyHandler()])
    logging.getLogger("rumqttd.server.broker").setLevel(logging.INFO)
    if not sys.stdin.isatty():
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    try:
        Broker(config_path=config).run_forever()
    except OSError as error:  # the port was taken meanwhile
        sys.exit(str(error))


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)  # the broker has no other way to be stopped


if __name__ == "__main__":
    serve(sys.argv[1])
