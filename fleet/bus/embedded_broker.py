"""A broker in Python (amqtt) for a machine without Mosquitto.

`python -m fleet.bus.embedded_broker PORT` serves loopback only, in memory, open to whoever is on
this machine, MQTT 3.1.1. Good for a first look and for a laptop, not for a fleet: it is slow, and
what it acknowledged dies with it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Any, Final

# amqtt ships no types.
from amqtt.adapters import (  # type: ignore[import-untyped]
    StreamReaderAdapter,
    StreamWriterAdapter,
)
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import BrokerConfig, ListenerConfig  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

STATISTICS: Final = 10
"""Seconds between `$SYS` statistics; the retained version is there from the start."""


_SHORTEST_CONNECT: Final = 12
"""Bytes of the shortest CONNECT there is; the protocol's name and level are always in them."""

_NAME: Final = b"\x00\x04MQTT"

_UNSUPPORTED_VERSION: Final = bytes([0x20, 3, 0, 132, 0])
"""CONNACK of MQTT 5 with reason 132."""


class OpenToAll(BaseAuthPlugin):  # type: ignore[misc]  # the base is untyped
    """Lets everybody in. amqtt's own such plugin forgets the session of whomever it lets in."""

    async def authenticate(self, *, session: Session) -> bool:
        del session
        return True


class Reader(StreamReaderAdapter):  # type: ignore[misc]  # the base is untyped
    """Reads on from bytes that were looked at already."""

    def __init__(self, seen: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._seen = seen

    async def read(self, n: int = -1) -> bytes:
        data, self._seen = (self._seen[:n], self._seen[n:]) if n >= 0 else (self._seen, b"")
        if len(data) != n:
            data += await super().read(n - len(data) if n >= 0 else n)
        return data


class EmbeddedBroker(Broker):  # type: ignore[misc]  # the base is untyped
    """amqtt that refuses MQTT 5 in the words of MQTT 5.

    amqtt reads the properties of an MQTT 5 CONNECT as a client id hundreds of bytes long, and
    waits for the rest of it until the client gives up.
    """

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        try:
            opening = await reader.readexactly(_SHORTEST_CONNECT)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        if opening.partition(_NAME)[2].startswith(b"\x05"):
            writer.write(_UNSUPPORTED_VERSION)
            writer.close()
            return
        streams = Reader(opening, reader), StreamWriterAdapter(writer)
        await self.external_connected(*streams, listener_name)


def configuration(port: int) -> BrokerConfig:
    """One listener, on loopback."""
    plugins: dict[str, Any] = {
        # By its import name, also when this file runs as __main__.
        "fleet.bus.embedded_broker.OpenToAll": {},
        "amqtt.plugins.sys.broker.BrokerSysPlugin": {"sys_interval": STATISTICS},
    }
    listeners = {"default": ListenerConfig(bind=f"127.0.0.1:{port}")}
    return BrokerConfig(listeners=listeners, plugins=plugins)


async def serve(port: int) -> None:
    """Serve until SIGTERM, or until stdin closes because whoever started us is gone."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    if not sys.stdin.isatty():
        loop.add_reader(sys.stdin.fileno(), stopped.set)
    broker = EmbeddedBroker(configuration(port))
    await broker.start()
    await stopped.wait()
    await broker.shutdown()


if __name__ == "__main__":
    # Its log would show clients, topics and the tracebacks of MQTT 5 clients that fall back.
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(int(sys.argv[1])))
