"""The broker that the demo and a laptop run on, in both makes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from tests.support.broker import free_port

MAKES = pytest.mark.parametrize("embedded", [False, True], ids=["mosquitto", "embedded"])


def connection(broker: LocalBroker) -> ConnectOptions:
    return ConnectOptions(BrokerUrl.parse(broker.url), "visitor")


@MAKES
async def test_it_carries_a_message_and_ends_when_asked(tmp_path: Path, embedded: bool) -> None:
    with LocalBroker(tmp_path / "a broker", free_port(), embedded=embedded) as broker:
        assert broker.name.startswith("embedded amqtt 0." if embedded else "Mosquitto 2.")
        async with MqttBus(connection(broker)) as bus:
            await bus.subscribe("demo/+")
            await bus.publish("demo/x", b"{}")
            assert (await anext(bus.messages())).payload == b"{}"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), 1)
    broker.stop()  # twice is safe


async def test_retained_state_outlives_mosquitto(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, free_port())
    with broker:
        async with MqttBus(connection(broker)) as bus:
            await bus.publish("demo/x", b"kept", retain=True)
    with broker:
        async with MqttBus(connection(broker)) as bus:
            await bus.subscribe("demo/+")
            assert (await anext(bus.messages())).payload == b"kept"


@MAKES
def test_a_taken_port_is_told_and_leaves_nothing_behind(tmp_path: Path, embedded: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is taken"):
            LocalBroker(tmp_path / "broker", port, embedded=embedded).start()
    assert not (tmp_path / "broker").exists()


def test_a_broker_that_does_not_start_tells_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "mosquitto"
    broken.write_text("#!/bin/sh\necho out of luck >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(BrokerError, match="did not start: out of luck"):
        LocalBroker(tmp_path / "broker", free_port()).start()
