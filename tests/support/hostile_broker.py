"""A broker that was taken over: it greets and grants as it should, then sends what it is told to.

What becomes of a link is judged by a message after the hostile bytes: it is acknowledged, or the
link ends. A third thing there must not be.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, Self

from tests.support.packet_proxy import Packet, packets

Stage = Literal["connack", "suback", "puback", "later"]
"""Instead of which answer the bytes come, or after all of them."""

MARK: Final = 0x7777
"""Packet id of the message that shows whether the link is alive."""

NUDGE, PATIENCE = 0.2, 10.0
"""Seconds until a link that may wait for the rest of a packet gets more than a packet may have,
and until it is called stalled."""

MORE: Final = b"\xd0\x00" * (600 * 1024)
"""1.2 MB of PINGRESP: more than anybody takes for one packet."""


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes, and when they come."""

    data: bytes
    stage: Stage = "later"


class HostileBroker:
    """Plays one case a connection, in order; afterwards it is an honest one.

    Args:
        topic: what the client under test subscribes to.

    Attributes:
        outcomes: of each case that was played: `alive`, `ended` or `stalled`.
    """

    def __init__(self, cases: list[Case], topic: str) -> None:
        self._cases = cases
        self._topic = topic.encode()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.outcomes: queue.Queue[tuple[Case, str]] = queue.Queue()
        self.honest = threading.Event()
        """An honest connection came about after the last case."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        waiting = iter(self._cases)
        case = next(waiting, None)
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    outcome = _Conversation(client, case, self._topic, self.honest).play()
                if outcome and case:
                    self.outcomes.put((case, outcome))
                    case = next(waiting, None)


class _Conversation:
    """One connection, until its outcome is known."""

    def __init__(
        self, client: socket.socket, case: Case | None, topic: bytes, honest: threading.Event
    ) -> None:
        self._client = client
        self._case = case
        self._topic = topic
        self._honest = honest
        self._five = True
        self._played = False
        self._nudged = False

    def play(self) -> str:
        """The outcome; empty: the client went before anything hostile was said."""
        data = b""
        self._client.settimeout(NUDGE)
        waited = 0.0
        try:
            while True:
                try:
                    more = self._client.recv(65_536)
                except TimeoutError:
                    if self._case is None:
                        continue
                    waited += NUDGE
                    if waited > PATIENCE:
                        return "stalled"
                    if self._played and not self._nudged:
                        self._nudged = True
                        self._client.sendall(MORE)
                    continue
                if not more:
                    return "ended" if self._played else ""
                data += more
                for packet, rest in packets(data):
                    data = rest
                    if self._answer(packet):
                        return "alive"
        except (OSError, IndexError):  # IndexError: no MQTT; a link that fails asks in TLS, too
            return "ended" if self._played else ""

    def _answer(self, packet: bytes) -> bool:
        """Answer one packet; whether it acknowledges the mark."""
        body = _body(packet)
        match packet[0] >> 4:
            case Packet.CONNECT:
                self._five = body[6] == 5
                self._say("connack", b"\x20\x03\0\0\0" if self._five else b"\x20\x02\0\0")
            case Packet.SUBSCRIBE:
                codes = b"\x01" * _filters(body[2:], self._five)
                inner = body[:2] + b"\0" * self._five + codes
                self._say("suback", bytes([0x90, len(inner)]) + inner)
                self._later()
            case Packet.PUBLISH if packet[0] & 0b110:
                size = int.from_bytes(body[:2], "big")
                self._say("puback", b"\x40\x02" + body[2 + size : 4 + size])
            case Packet.PINGREQ:
                self._client.sendall(b"\xd0\x00")
            case Packet.PUBACK:
                return body[:2] == MARK.to_bytes(2, "big")
        return False

    def _say(self, stage: Stage, honest: bytes) -> None:
        if self._case is not None and self._case.stage == stage and not self._played:
            self._played = True
            self._client.sendall(self._case.data + self._marks())
        else:
            self._client.sendall(honest)

    def _later(self) -> None:
        if self._case is None:
            self._honest.set()
        elif self._case.stage == "later" and not self._played:
            self._played = True
            self._client.sendall(self._case.data + self._marks())

    def _marks(self) -> bytes:
        body = len(self._topic).to_bytes(2, "big") + self._topic + MARK.to_bytes(2, "big")
        body += b"\0" * self._five + b"{}"
        return bytes([0x32, len(body)]) + body


def _body(packet: bytes) -> bytes:
    at = 1
    while packet[at] & 128:
        at += 1
    return packet[at + 1 :]


def _filters(rest: bytes, five: bool) -> int:
    """How many a SUBSCRIBE asks for (its properties are fewer than 128 bytes)."""
    at, count = (rest[0] + 1 if five else 0), 0
    while at < len(rest):
        at += 2 + int.from_bytes(rest[at : at + 2], "big") + 1
        count += 1
    return count


def hostile_packets(random: Random, count: int, topic: str, *, five: bool) -> Iterator[Case]:
    """Honest packets that were cut, changed, joined and stretched, and noise."""
    name = topic.encode()
    none = b"\0" * five

    def packet(first: int, body: bytes, size: int | None = None) -> bytes:
        return bytes([first]) + _size(len(body) if size is None else size) + body

    head = len(name).to_bytes(2, "big") + name
    beside = b"\x03\0\x01x\x26\0\x01a\0\x01b\x08\0\x01r\x09\0\x01c"
    honest = [
        packet(0x32, head + b"\0\x07" + none + b'{"verb":"health-check"}'),
        packet(0x33, head + b"\0\x08" + none + b"{}"),
        packet(0x30, head + none),
        packet(0x34, head + b"\0\x09" + none + b"{}"),
        packet(0x32, head + b"\0\x0a" + (bytes([len(beside)]) + beside) * five + b"{}"),
        packet(0x40, b"\0\x01"),
        packet(0x40, b"\0\x01\x87"),
        packet(0x90, b"\0\x01" + none + b"\x01"),
        packet(0x90, b"\0\x01" + none),
        packet(0x90, b"\0\x01" + none + b"\x01" * 9),
        packet(0x20, b"\0\0" + none),
        packet(0x20, b"\0\0" + b"\x03\x21\0\0" * five),
        packet(0x20, b"\0\x85" + none),
        packet(0x50, b"\0\x01"), packet(0x62, b"\0\x01"), packet(0x70, b"\0\x01"),
        packet(0xB0, b"\0\x01" + none), packet(0xD0, b""), packet(0xE0, b""),
        packet(0xE0, b"\x8e\x00"), packet(0xF0, b"\x18\x00"),
        packet(0x10, b"\0\x04MQTT\x05\0\0\0\0\0\0"), packet(0x82, b"\0\x01" + none + head + b"\1"),
    ]  # fmt: skip
    stages: list[Stage] = ["connack", "suback", "puback", "later", "later", "later"]
    for number in range(count):
        data = bytearray(random.choice(honest))
        match number % 7:
            case 0:
                data = bytearray(random.randbytes(random.randrange(1, 60)))
            case 1:
                data = data[: random.randrange(1, len(data) + 1)]
            case 2:
                data[1:2] = _size(random.choice((0, 1, 2, 127, 2 << 20, 268_435_455)))
            case 3:  # bytes that are no UTF-8
                data[random.randrange(len(data))] = random.choice((0x80, 0xC0, 0xED, 0xFF))
            case 4:
                data += random.choice(honest) * random.randrange(1, 4)
            case 5:
                data[1:2] = random.choice((b"\xff" * 5, b"\x80\x00", b"\xff\xff\xff\x7f"))
            case _:
                for _ in range(random.randrange(1, 4)):
                    data[random.randrange(len(data))] = random.randrange(256)
        yield Case(bytes(data), random.choice(stages))


def _size(number: int) -> bytes:
    found = bytearray()
    while True:
        number, digit = divmod(number, 128)
        found.append(digit | (128 if number else 0))
        if not number:
            return bytes(found)
