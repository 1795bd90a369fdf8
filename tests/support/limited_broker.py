"""A broker that lacks what it is told to lack: a proxy that states limits and enforces them.

Before a real broker: what is within the limits works as there.
"""

from __future__ import annotations

from typing import Final

from tests.support.packet_proxy import Packet, PacketProxy

PROPERTIES: Final = {
    "session": (0x11, 4),
    "keep_alive": (0x13, 2),
    "window": (0x21, 2),
    "aliases": (0x22, 2),
    "max_qos": (0x24, 1),
    "retained": (0x25, 1),
    "max_packet": (0x27, 4),
    "wildcards": (0x28, 1),
    "identifiers": (0x29, 1),
    "shared": (0x2A, 1),
}
"""What CONNACK may state (MQTT 5, 3.2.2.3): identifier, and bytes of its value."""

TLS: Final = 0x16
"""How a TLS handshake begins; no packet of MQTT does."""

LEVEL: Final = 8
"""Where CONNECT tells its version, if its length takes one byte."""


WILL_RETAIN: Final = 0x20
"""Of the byte after it: the last will is to be retained."""


class LimitedBroker(PacketProxy):
    """States `limits`, by the names of `PROPERTIES`, and hangs up on whoever exceeds them.

    Args:
        only_3: does not speak MQTT 5, and hangs up on it.
        weak: grants QoS 0 where QoS 1 is asked for.
        mute: says nothing below `$SYS`.
        quiet: says there only how long it runs, as Mosquitto does where nothing else has changed.

    Attributes:
        violations: what clients sent although they were told that it cannot be.
    """

    def __init__(
        self,
        target: int,
        *,
        only_3: bool = False,
        weak: bool = False,
        mute: bool = False,
        quiet: bool = False,
        **limits: int,
    ) -> None:
        super().__init__(target, self._altered)
        self._limits = limits
        self._only_3 = only_3
        self._weak = weak
        self._mute = mute
        self._quiet = quiet
        self._unacknowledged = 0
        self.connects = 0
        self.violations: list[str] = []

    def _altered(self, packet: bytes, from_broker: bool) -> bytes | None:
        kind = packet[0] >> 4
        if from_broker:
            return self._answer(kind, packet)
        if packet[0] == TLS:
            return None
        if kind == Packet.CONNECT:
            self.connects += 1
            self._unacknowledged = 0
            at = LEVEL + (packet[1] > 127)
            if self._only_3 and packet[at] == 5:
                return None
            if (
                self._only_3
                and packet[at + 1] & WILL_RETAIN
                and not self._limits.get("retained", 1)
            ):
                return self._violated("a retained will")  # one of MQTT 5 says why
            return packet
        if kind == Packet.PUBLISH:
            return self._judged(packet)
        narrow = kind == Packet.SUBSCRIBE and self._limits.get("wildcards") == 0
        if narrow and (b"#" in packet or b"+" in packet):
            return self._violated("a wildcard")
        return packet

    def _answer(self, kind: int, packet: bytes) -> bytes:
        if kind == Packet.CONNACK and len(packet) > 4:
            return self._stating(packet)
        if kind == Packet.SUBACK and self._weak:
            return (
                packet.replace(b"\x01", b"\x00")
                if len(packet) < 5
                else packet[:4] + bytes(0 if code == 1 else code for code in packet[4:])
            )
        if kind == Packet.PUBACK:
            self._unacknowledged -= 1
        if kind == Packet.PUBLISH and b"$SYS" in packet[:12]:
            said = not self._mute and (not self._quiet or b"$SYS/broker/uptime" in packet)
            return packet if said else b""
        return packet

    def _stating(self, packet: bytes) -> bytes:
        stated, rest = {}, packet[5:]
        sizes = dict(PROPERTIES.values())
        while rest:
            size = sizes[rest[0]]
            stated[rest[0]], rest = rest[1 : 1 + size], rest[1 + size :]
        for name, value in self._limits.items():
            id_, size = PROPERTIES[name]
            stated[id_] = value.to_bytes(size, "big")
        found = b"".join(bytes([id_]) + value for id_, value in stated.items())
        body = packet[2:4] + bytes([len(found)]) + found
        return bytes([packet[0], len(body)]) + body

    def _judged(self, packet: bytes) -> bytes | None:
        qos = packet[0] >> 1 & 3
        if qos > self._limits.get("max_qos", 2):
            return self._violated(f"QoS {qos}")
        if packet[0] & 1 and not self._limits.get("retained", 1):
            return self._violated("a retained message")
        if len(packet) > self._limits.get("max_packet", len(packet)):
            return self._violated("a large packet")
        self._unacknowledged += qos > 0
        if self._unacknowledged > self._limits.get("window", 65_535):
            return self._violated("too many at a time")
        return packet

    def _violated(self, what: str) -> None:
        self.violations.append(what)
