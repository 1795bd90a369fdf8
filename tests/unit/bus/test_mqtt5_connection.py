"""What stands beside a payload is seen at every size, and nothing is seen where nothing stands."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, Final

import mqtt5
import pytest

from fleet.bus.mqtt5_connection import AS_PUBLISHED, ORDINARY, Mqtt5Connection
from fleet.bus.port import Inbound
from fleet.bus.topic_filters import TopicFilters

SIZES: Final = (0, 1, 2, *range(80, 140), 400, 4096, *range(16_340, 16_400), 20_000)
"""Bytes of a payload, above all where the length of a packet takes one byte more."""

FORBIDDEN: Final[dict[str, dict[str, Any]]] = {
    "content-type": {"content_type": ""},
    "correlation-data": {"correlation_data": b""},
    "payload-format-indicator": {"payload_format_indicator": 1},
    "response-topic": {"response_topic": "r"},
    "user-property": {"user_properties": [("", "")]},
}


def received(*, identified: bool, **given: Any) -> list[Inbound]:
    """What a connection makes of a PUBLISH of every size, at QoS 0 and 1."""
    heard: list[Inbound] = []
    options: Any = SimpleNamespace(manual_ack=True)
    queue: Any = SimpleNamespace(extend=heard.extend)
    connection = Mqtt5Connection(options, queue, TopicFilters(resumed=True), 65_536)
    if identified:
        connection._as_published = re.compile("nothing").fullmatch
        given["subscription_ids"] = [ORDINARY]
    for size in SIZES:
        for topic in ("fleet/ada/heartbeat", "flëet/ada"):
            for qos, mid in ((mqtt5.QoS.AT_MOST_ONCE, None), (mqtt5.QoS.AT_LEAST_ONCE, 7)):
                packet = mqtt5.PublishPacket(topic, b"x" * size, qos=qos, packet_id=mid, **given)
                connection.data_received(packet.write())
    assert len(heard) == 4 * len(SIZES)
    return heard


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_each_property_is_seen_at_every_size(name: str, identified: bool) -> None:
    for inbound in received(identified=identified, **FORBIDDEN[name]):
        assert [found for found, _ in inbound.properties] == [name], len(inbound.payload)


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("given", [{}, {"message_expiry_interval": 9}, {"topic_alias": 1}])
def test_what_is_allowed_is_nothing(given: dict[str, Any], identified: bool) -> None:
    assert {inbound.properties for inbound in received(identified=identified, **given)} == {()}


def test_identifiers_of_both_kinds_are_no_property_of_the_sender() -> None:
    given = {"subscription_ids": [ORDINARY, AS_PUBLISHED]}
    assert {inbound.properties for inbound in received(identified=False, **given)} == {()}
