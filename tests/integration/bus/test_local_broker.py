"""The broker that the demo and a laptop run on, in both makes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fleet.bus import embedded_broker, local_broker
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, ConfigError
from tests.support.broker import free_port

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""

MAKES = pytest.mark.parametrize("embedded", [False, True], ids=["mosquitto", "embedded"])


def connection(broker: LocalBroker) -> ConnectOptions:
    return ConnectOptions(BrokerUrl.parse(broker.url), "visitor")


@MAKES
async def test_it_carries_a_message_and_ends_when_asked(tmp_path: Path, embedded: bool) -> None:
    with LocalBroker(tmp_path / "a broker", free_port(), embedded=embedded) as broker:
        assert broker.name.startswith("embedded iotcore 0." if embedded else "Mosquitto 2.")
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


@MAKES
def test_who_answers_at_the_port_instead_of_ours_is_not_taken_for_ours(
    tmp_path: Path, embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that look for a free port at the same moment find the same one."""
    port = free_port()
    with LocalBroker(tmp_path / "first", port):
        monkeypatch.setattr(local_broker, "_listens", lambda _port: False)
        with pytest.raises(BrokerError, match=r"did not start: .*[Aa]ddress already in use"):
            LocalBroker(tmp_path / "second", port, embedded=embedded).start()


@MAKES
def test_it_listens_on_loopback_only(tmp_path: Path, embedded: bool) -> None:
    with LocalBroker(tmp_path, free_port(), embedded=embedded) as broker:
        assert broker._process
        assert listening(broker._process.pid) == {("127.0.0.1", broker.port)}


def listening(pid: int) -> set[tuple[str, int]]:
    """Where a process listens for TCP, of either family, as the kernel tells."""
    mine = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTEN and f"socket:[{rest[5]}]" in mine:
                address, _, port = local.partition(":")
                raw = bytes.fromhex(address)
                words = [raw[at : at + 4][::-1] for at in range(0, len(raw), 4)]
                family = socket.AF_INET if table == "tcp" else socket.AF_INET6
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def test_the_embedded_broker_ends_with_whoever_started_it(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, free_port(), embedded=True).start()
    assert broker._process
    assert broker._process.stdin
    broker._process.stdin.close()  # as the kernel does for one that was killed
    assert broker._process.wait(20) == 0
    broker.stop()


def test_without_either_broker_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_broker, "find_mosquitto", lambda: None)
    monkeypatch.setattr(embedded_broker, "PACKAGE", "no_such_package")
    with pytest.raises(ConfigError, match="no broker to start") as caught:
        LocalBroker(tmp_path / "broker", free_port()).start()
    assert "apt-get install mosquitto" in caught.value.remedy
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
