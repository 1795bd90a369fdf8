"""A TCP proxy before a real broker that sends its clients more than they asked for."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.packet_proxy import Packet, PacketProxy

FIRST_ID = 60_000
"""Packet ids from here on are ours: a broker that has just started has not come so far."""


class OverSendingProxy(PacketProxy):
    """Adds messages on `topics`, at QoS 1, behind each CONNACK and each SUBACK.

    Attributes:
        sent: how many it has added.
        acknowledged: the packet ids of those that were acknowledged.
    """

    def __init__(
        self,
        target: int,
        topics: Sequence[str],
        payload: bytes = b"foreign",
        *,
        retain: bool = True,
    ) -> None:
        super().__init__(target, self._altered)
        self._topics = topics
        self._payload = payload
        self._retain = retain
        self._five = False
        self.sent = 0
        self.acknowledged: set[int] = set()

    @property
    def ids(self) -> set[int]:
        """The packet ids of what was added."""
        return set(range(FIRST_ID, FIRST_ID + self.sent))

    def _altered(self, packet: bytes, _from_broker: bool) -> bytes:
        match packet[0] >> 4:
            case Packet.CONNACK:
                self._five = len(packet) > 4  # MQTT 5 has properties
                return packet + self._foreign()
            case Packet.SUBACK:
                return packet + self._foreign()
            case Packet.PUBACK if int.from_bytes(packet[2:4], "big") >= FIRST_ID:
                self.acknowledged.add(int.from_bytes(packet[2:4], "big"))
                return b""
            case _:
                return packet

    def _foreign(self) -> bytes:
        found = b""
        for topic in self._topics:
            name, id_ = topic.encode(), FIRST_ID + self.sent
            body = len(name).to_bytes(2, "big") + name + id_.to_bytes(2, "big")
            body += b"\0" * self._five + self._payload
            assert len(body) < 128
            found += bytes([Packet.PUBLISH << 4 | 0b0010 | self._retain, len(body)]) + body
            self.sent += 1
        return found
