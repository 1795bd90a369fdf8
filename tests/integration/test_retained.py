"""Retained state read from brokers with and without Mosquitto's marker."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import ingest_bus
from fleet.contract.broker_url import BrokerUrl
from fleet.retained import retained_state
from tests.support.broker import free_port

TOPICS = [f"fleet/agent-{number}/heartbeat" for number in range(20)]


@pytest.mark.parametrize("embedded", [False, True], ids=["marked", "hung up on"])
async def test_every_topic_is_told_once_also_where_the_marker_costs_the_link(
    embedded: bool, tmp_path: Path
) -> None:
    with LocalBroker(tmp_path, free_port(), embedded=embedded) as broker:
        url = BrokerUrl.parse(broker.url)
        async with ingest_bus(ConnectOptions(url, "agents")) as agents:
            for topic in TOPICS:
                await agents.publish(topic, b"{}", retain=True)
        changes: list[bool] = []
        options = ConnectOptions(url, "reader", on_link=lambda up, _detail: changes.append(up))
        async with ingest_bus(options) as reader:
            told = await retained_state(reader, ["fleet/+/heartbeat"])
    assert sorted(message.topic for message in told) == sorted(TOPICS)
    assert (False in changes) == embedded
