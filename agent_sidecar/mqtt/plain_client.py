"""paho-mqtt's client, with a short way for the two packets that a sidecar reads all day.

paho makes tables of all properties of MQTT 5 for each packet that it reads: half of what it takes
to read a command. What has none, a message at QoS 1 or an acknowledgement, is read here; all else
by paho.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Literal, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

MAX_PACKET: Final = 65_536
"""Bytes of a packet from the broker: the contract's messages have 4 KiB."""

_QOS, _QOS_1, _RETAIN = 0x06, 0x02, 0x01


class PlainMessage(NamedTuple):
    """A message at QoS 1 without properties, by the names that paho gives them."""

    mid: int
    topic: str
    payload: bytes
    retain: bool
    qos: int = 1
    properties: None = None


class PlainClient(mqtt.Client):
    """Ends the connection at what is not MQTT: paho stumbles in many ways over it, tries it again
    for ever, and waits for any length that a packet states."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._taken = ReasonCode(PacketTypes.PUBACK)
        self._none = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]

    def _packet_read(self) -> MQTTErrorCode:
        try:
            code = super()._packet_read()
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over
            log.warning("what the broker sends is not MQTT: %s", type(error).__name__)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if self._in_packet["remaining_length"] > MAX_PACKET:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return code

    def _handle_publish(self) -> MQTTErrorCode:
        if self._in_packet["command"] & _QOS not in (0, _QOS_1):
            # Nobody asks for more, and paho keeps what comes so until the broker takes it back.
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        message = plain_message(self._in_packet["command"], self._in_packet["packet"], five=five)
        if message is None or self.on_message is None:
            return super()._handle_publish()
        with self._in_callback_mutex:
            self.on_message(self, self._userdata, message)  # type: ignore[arg-type]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or len(packet) != 2:
            return super()._handle_pubackcomp(cmd)
        mid = int.from_bytes(packet)
        with self._out_message_mutex:
            if mid in self._out_messages:
                return self._do_on_publish(mid, self._taken, self._none)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def plain_message(command: int, packet: bytes | bytearray, *, five: bool) -> PlainMessage | None:
    """What the PUBLISH `packet` holds behind its first byte `command` and its length, where that is
    plain; `five`: it is of MQTT 5."""
    number = 2 + int.from_bytes(packet[:2])
    begin = number + 3 if five else number + 2
    if command & _QOS != _QOS_1 or number == 2 or len(packet) < begin:
        return None
    if five and packet[begin - 1]:  # bytes of properties
        return None
    try:
        topic = packet[2:number].decode()
    except UnicodeDecodeError:
        return None
    mid = int.from_bytes(packet[number : number + 2])
    return PlainMessage(mid, topic, bytes(packet[begin:]), bool(command & _RETAIN))
