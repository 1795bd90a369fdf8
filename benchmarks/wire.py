"""MQTT 3.1.1 as bytes: what a load generator needs of it, and nothing else (OASIS MQTT 3.1.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum


class Packet(IntEnum):
    """The packet types that matter here (2.2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"


def connect(
    client_id: str,
    *,
    keepalive: int = 60,
    clean: bool = True,
    will: tuple[str, bytes] | None = None,
) -> bytes:
    """CONNECT; a will is retained, at QoS 1."""
    flags = 0x02 if clean else 0
    payload = _text(client_id)
    if will is not None:
        flags |= 0x04 | 0x08 | 0x20
        payload += _text(will[0]) + _binary(will[1])
    head = _text("MQTT") + struct.pack("!BBH", 4, flags, keepalive)
    return _packet(Packet.CONNECT, 0, head + payload)


def publish(topic: str, payload: bytes, packet_id: int = 0, *, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1, or at QoS 0 where no packet id is given."""
    flags = (0x02 if packet_id else 0) | int(retain)
    number = struct.pack("!H", packet_id) if packet_id else b""
    return _packet(Packet.PUBLISH, flags, _text(topic) + number + payload)


def subscribe(packet_id: int, *topics: str) -> bytes:
    """SUBSCRIBE at QoS 1."""
    filters = b"".join(_text(topic) + b"\x01" for topic in topics)
    return _packet(Packet.SUBSCRIBE, 0x02, struct.pack("!H", packet_id) + filters)


def puback(packet_id: int) -> bytes:
    return _packet(Packet.PUBACK, 0, struct.pack("!H", packet_id))


def received(body: bytes, flags: int) -> tuple[str, bytes, int]:
    """(topic, payload, packet id or 0) of a PUBLISH."""
    size = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:size].decode()
    if not flags & 0x06:
        return topic, body[size:], 0
    return topic, body[size + 2 :], int.from_bytes(body[size : size + 2], "big")


class Packets:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """(type, flags, body) of each whole packet."""
        data = self._rest + data
        at = 0
        while (found := _length(data, at + 1)) is not None:
            size, start = found
            if start + size > len(data):
                break
            yield data[at] >> 4, data[at] & 0x0F, data[start : start + size]
            at = start + size
        self._rest = data[at:]


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """(remaining length, where the body starts); None while bytes are missing."""
    size = shift = 0
    while at < len(data):
        size |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return size, at
    return None


def _packet(kind: Packet, flags: int, body: bytes) -> bytes:
    size, head = len(body), bytearray([kind << 4 | flags])
    while True:
        size, low = divmod(size, 128)
        head.append(low | (0x80 if size else 0))
        if not size:
            return bytes(head) + body


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data
