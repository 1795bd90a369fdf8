"""A TCP proxy that reads MQTT, and changes packets or hangs up on them: faults of a broker."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Self


class Packet(IntEnum):
    """Control packets of MQTT by their type (MQTT 5, 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12


Decide = Callable[[bytes, bool], bytes | None]
"""What becomes of a packet, and of one from the broker (True): None hangs up on both sides."""


class PacketProxy:
    """Forwards from `port` to `target`, both on loopback, what `decide` makes of each packet."""

    def __init__(self, target: int, decide: Decide) -> None:
        self._target = target
        self._decide = decide
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            broker = socket.create_connection(("127.0.0.1", self._target))
            with broker:
                self._forward(client, broker)

    def _forward(self, client: socket.socket, broker: socket.socket) -> None:
        waiting = {client: b"", broker: b""}
        other = {client: broker, broker: client}
        while True:
            for source in select.select([client, broker], [], [])[0]:
                data = source.recv(65_536)
                if not data:
                    return
                waiting[source] += data
                for packet, rest in packets(waiting[source]):
                    waiting[source] = rest
                    becomes = self._decide(packet, source is broker)
                    if becomes is None:
                        return
                    other[source].sendall(becomes)


class RecordingProxy(PacketProxy):
    """Changes nothing, and keeps each byte that was sent to the broker."""

    def __init__(self, target: int) -> None:
        super().__init__(target, self._keep)
        self._lock = threading.Lock()
        self._sent: list[bytes] = []

    @property
    def sent(self) -> bytes:
        with self._lock:
            return b"".join(self._sent)

    def _keep(self, packet: bytes, from_broker: bool) -> bytes:
        if not from_broker:
            with self._lock:
                self._sent.append(packet)
        return packet


class HangUpProxy(PacketProxy):
    """Hangs up on packets of one type.

    Args:
        on: the packet, in either direction, before which it hangs up.
        containing: only on such packets that contain these bytes.
        times: how often; afterwards everything passes.
    """

    def __init__(self, target: int, on: Packet, containing: bytes = b"", times: int = 1) -> None:
        super().__init__(target, self._passes)
        self._on = on
        self._containing = containing
        self._left = times
        self._lock = threading.Lock()
        self.hung_up = 0

    def _passes(self, packet: bytes, _from_broker: bool) -> bytes | None:
        if packet[0] >> 4 != self._on or self._containing not in packet:
            return packet
        with self._lock:
            if self._left == 0:
                return packet
            self._left -= 1
            self.hung_up += 1
            return None


def packets(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each whole packet at the beginning of `data`, with what follows it."""
    while len(data) >= 2:
        size, shift, at = 0, 0, 1
        while at < len(data):
            size |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 128:
                break
        else:
            return
        if len(data) < at + size:
            return
        packet, data = data[: at + size], data[at + size :]
        yield packet, data
