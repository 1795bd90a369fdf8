"""How long an MQTT packet says that it is (MQTT 5, 2.1.4)."""

from __future__ import annotations

from typing import Final

from fleet.bus.connection import MAX_PACKET

_HEADER: Final = 5
"""Bytes of a packet's type and length, at most."""


def goes_on(packet: memoryview) -> bool:
    """Whether the rest of a packet, or of its length, is still to come, and may."""
    size, end = 0, min(len(packet), _HEADER)
    for at in range(1, end):
        size |= (packet[at] & 127) << 7 * (at - 1)
        if packet[at] < 128:
            return len(packet) - at - 1 < size <= MAX_PACKET
    return end < _HEADER
