"""The least packets that once left a link of the hub deaf, growing, or with a traceback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mqtt5
import pytest

from fleet.bus import inbound_queue
from fleet.bus.connection import IN_FLIGHT, MAX_PACKET
from fleet.bus.inbound_queue import InboundQueue
from fleet.bus.mqtt5_connection import Mqtt5Connection
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters


class Transport:
    def __init__(self) -> None:
        self.ended = False

    def abort(self) -> None:
        self.ended = True

    def write(self, data: bytes) -> None:
        pass


def connection() -> tuple[Mqtt5Connection, Transport]:
    options: Any = SimpleNamespace(manual_ack=True)
    link = Mqtt5Connection(options, InboundQueue(), TopicFilters(resumed=True), 65_536)
    transport = Transport()
    link._transport = transport  # type: ignore[assignment]
    return link, transport


def publish(mid: int | None, payload: bytes = b"{}") -> bytes:
    qos = mqtt5.QoS.AT_LEAST_ONCE if mid else mqtt5.QoS.AT_MOST_ONCE
    return bytes(mqtt5.PublishPacket("fleet/a/status", payload, qos=qos, packet_id=mid).write())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "packet",
    [
        b"\x30\x05\x00\x02a\xff\x00",  # a topic that is no UTF-8: the codec panics
        b"\x20\x00",  # a whole packet that is too short for what it is
        b"\x30\xff\xff\xff\x7f",  # 256 MiB to come
        b"\x30\xff\xff\xff\xff",  # a length without end
    ],
)
def test_what_is_not_mqtt_ends_the_link_at_once(packet: bytes) -> None:
    link, transport = connection()
    link.data_received(packet)
    assert transport.ended
    assert "not MQTT" in link.why


def test_the_rest_of_a_packet_is_waited_for() -> None:
    link, transport = connection()
    whole = publish(7, b"x" * (MAX_PACKET // 2))
    link.data_received(whole[:1])
    link.data_received(whole[1:-1])
    assert not transport.ended
    link.data_received(whole[-1:])
    assert len(link._inbound._waiting) == 1


def test_more_at_once_than_was_asked_for_is_taken() -> None:
    """Mosquitto 2.0 does so when a session goes on: to hang up then would be to do so for ever."""
    link, transport = connection()
    link.data_received(b"".join(publish(mid) for mid in range(1, 2 * IN_FLIGHT + 1)))
    assert not transport.ended
    assert len(link._inbound._waiting) == 2 * IN_FLIGHT


async def test_of_what_nobody_confirms_so_much_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_queue, "MAX_UNASSURED", 10_000)
    queue = InboundQueue()
    for number in range(100):
        queue.extend([Inbound("t", b"x" * 100), Inbound("t", b"y", 1, mid=number)])
    assert 60 <= queue.overflowed < 80
    reader = queue.batches()
    batch = await anext(reader)
    assert sum(message.qos for message in batch) == 100, "what is confirmed is never dropped"
    assert len(batch) == 200 - queue.overflowed
    dropped = queue.overflowed
    queue.append(Inbound("t", b"x"))
    assert queue.overflowed == dropped, "there is room again"
