"""What is read the short way is what paho reads, and all else is left to paho."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent_sidecar.mqtt.plain_client import MAX_PACKET, PlainClient, plain_message

FIVE, OLDER = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
TOPIC = "fleet/alpha/command"


class Socket:
    """Gives what the broker sent, in pieces of any size."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self.written = b""

    def recv(self, size: int) -> bytes:
        if not self.sent:
            raise BlockingIOError
        piece, self.sent = self.sent[:size], self.sent[size:]
        return piece

    def send(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def close(self) -> None:
        pass


def publish(
    topic: bytes, payload: bytes, *, five: bool, first: int = 0x32, properties: bytes = b"\0"
) -> bytes:
    body = len(topic).to_bytes(2) + topic + (b"\x01\x02" if first & 0x06 else b"")
    return packet(first, body + (properties if five else b"") + payload)


def packet(first: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes((first, *length)) + body


def told(
    kind: type[mqtt.Client], version: MQTTProtocolVersion, sent: bytes, *, waiting: int = 0
) -> list[Any]:
    """What a client of this kind calls back with, and what it answers."""
    client = kind(CallbackAPIVersion.VERSION2, protocol=version)
    client.manual_ack_set(True)
    found: list[Any] = []

    def on_message(_client: object, _data: object, said: Any) -> None:
        fields = said.topic, bytes(said.payload), said.qos, said.retain, said.mid
        found.append((*fields, said.properties.json() if said.properties else {}))

    def on_publish(_c: object, _d: object, mid: int, reason: Any, properties: Any) -> None:
        found.append((mid, str(reason), reason.is_failure, properties.json()))

    client.on_message = on_message
    client.on_publish = on_publish
    link = Socket(sent)
    vars(client)["_sock"] = link
    for _ in range(waiting):
        client.publish(TOPIC, b"{}", 1)
    for _ in range(8):
        if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            found.append("ended")
            break
    return [*found, link.written, len(client._out_messages)]


def with_properties(**named: object) -> bytes:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in named.items():
        setattr(made, name, value)
    return bytes(made.pack())  # type: ignore[no-untyped-call]


MESSAGES = {
    "plain": {},
    "retained": {"first": 0x33},
    "sent again": {"first": 0x3A},
    "QoS 0": {"first": 0x30},
    "text beside it": {"properties": with_properties(UserProperty=("a", "b"))},
    "an expiry": {"properties": with_properties(MessageExpiryInterval=7)},
    "no topic": {"topic": b""},
    "no payload": {"payload": b""},
    "large": {"payload": b"x" * 5000},
}


@pytest.mark.parametrize("version", [FIVE, OLDER])
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_what_paho_makes_of_it(name: str, version: MQTTProtocolVersion) -> None:
    fields: dict[str, Any] = {"topic": TOPIC.encode(), "payload": b'{"a":1}', **MESSAGES[name]}
    sent = publish(five=version is FIVE, **fields)
    ours, theirs = told(PlainClient, version, sent * 2), told(mqtt.Client, version, sent * 2)
    assert ours == theirs
    assert any(theirs), "something was told, answered or ended"


@pytest.mark.parametrize("version", [FIVE, OLDER])
@pytest.mark.parametrize("more", [b"", b"\x10", b"\x10\0", b"\x87\0"])
def test_an_acknowledgement_is_what_paho_makes_of_it(
    version: MQTTProtocolVersion, more: bytes
) -> None:
    body = b"\0\x01" + (more if version is FIVE else b"")
    sent = packet(0x40, body) + packet(0x40, b"\0\x63")
    ours = told(PlainClient, version, sent, waiting=2)
    assert ours == told(mqtt.Client, version, sent, waiting=2)
    assert ours[0][0] == 1
    assert ours[-1] == 1


@pytest.mark.parametrize("cut", range(5))
def test_what_is_too_short_or_no_text_is_left_to_paho(cut: int) -> None:
    whole = b"\0\1a\0\7\0"
    assert plain_message(0x32, whole, five=True) is not None
    assert plain_message(0x32, whole[:cut], five=True) is None
    assert plain_message(0x32, b"\0\1\xff\0\7\0", five=True) is None


NO_TEXT = packet(0x32, b"\0\1\xff\0\7\0")
CUT = packet(0x32, b"\0\x09a")
TOO_LARGE = packet(0x32, b"\0\1a\0\7\0" + bytes(MAX_PACKET))[:9]


UNASKED = publish(five=True, first=0x34, topic=TOPIC.encode(), payload=b"{}")


@pytest.mark.parametrize(
    "sent",
    [NO_TEXT, CUT, TOO_LARGE, UNASKED],
    ids=["no text", "cut", "too large", "at QoS 2, which nobody asked for"],
)
def test_what_is_not_mqtt_ends_the_connection(sent: bytes) -> None:
    assert "ended" in told(PlainClient, FIVE, sent)
