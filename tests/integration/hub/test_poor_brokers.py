"""Brokers that do less than ours: what works goes on working, and what cannot is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.packet_proxy import Packet, PacketProxy
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

KEEPS_NOTHING = "retain_available false"
QOS_0_ONLY = "max_qos 0"


@contextmanager
def broker_with(folder: Path, line: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder / "broker", [line]).start()
    try:
        yield broker
    finally:
        broker.stop()


def state_of(hub: Served, agent: str) -> str:
    status, told, *_ = hub.ask("GET", f"/v1/agents/{agent}")
    return str(told["state"]) if status == 200 else ""


def test_a_fleet_lives_on_a_broker_that_keeps_no_retained_messages(tmp_path: Path) -> None:
    with broker_with(tmp_path, KEEPS_NOTHING) as broker:
        hub = Served(tmp_path / "hub", broker).start()
        sidecar = Sidecar(tmp_path, broker.url)
        try:
            sidecar.start()
            wait_until(lambda: state_of(hub, "alpha") == "ok", what="the birth")
            asked = fleet("command", "health-check", "alpha", environ=hub.environ)
            assert asked.returncode == 0, asked.stderr
            sidecar.kill()
            wait_until(lambda: state_of(hub, "alpha") == "offline", what="the last will")
            examined = fleet("doctor", environ=hub.environ)
            assert "keeps no retained messages" in examined.stdout
            assert "retain_available true" in examined.stdout
        finally:
            sidecar.stop()
            assert hub.stop() == 0
        assert "keeps no retained messages" in hub.log.read_text()
        assert sidecar.log.read_text().count("keeps no retained messages") == 1
        assert "denied" not in sidecar.log.read_text()


def test_a_broker_without_qos_1_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with broker_with(tmp_path, QOS_0_ONLY) as broker:
        environ = environment(tmp_path / "home", FLEET_BROKER=broker.url)
        for asked in (("serve",), ("status",), ("doctor",)):
            done = fleet(*asked, environ=environ)
            assert done.returncode in (2, 3)
            assert "takes QoS 0 only" in done.stdout + done.stderr
            assert "Try" in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def without_qos_1(packet: bytes, from_broker: bool) -> bytes:
    """A SUBACK that grants each of one filter at QoS 0; its last byte is the grant."""
    if from_broker and packet[0] >> 4 == Packet.SUBACK and packet[-1] == 1:
        return packet[:-1] + b"\0"
    return packet


def test_a_subscription_that_is_granted_without_qos_1_counts_as_refused(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with PacketProxy(broker.port, without_qos_1) as proxy:
        url = f"mqtt://127.0.0.1:{proxy.port}"
        done = fleet("status", environ=environment(tmp_path / "home", FLEET_BROKER=url))
        assert done.returncode == 3
        assert "takes QoS 0 only" in done.stderr
        sidecar = Sidecar(tmp_path, url).start()
        try:
            wait_until(lambda: "takes QoS 0 only" in sidecar.log.read_text(), what="a warning")
        finally:
            sidecar.stop()


def only_3_1_1(packet: bytes, from_broker: bool) -> bytes | None:
    """Hangs up on a CONNECT of MQTT 5, as old brokers do; the level follows the name."""
    return None if not from_broker and packet[0] >> 4 == 1 and b"MQTT\x05" in packet else packet


def test_a_fleet_lives_on_a_broker_of_mqtt_3_1_1(tmp_path: Path, broker: Mosquitto) -> None:
    with PacketProxy(broker.port, only_3_1_1) as proxy:
        broker.port, real = proxy.port, broker.port
        try:
            hub = Served(tmp_path / "hub", broker).start()
            sidecar = Sidecar(tmp_path, broker.url).start()
        finally:
            broker.port = real
        try:
            wait_until(lambda: state_of(hub, "alpha") == "ok", what="the birth")
            asked = fleet("command", "version-report", "alpha", environ=hub.environ)
            assert asked.returncode == 0, asked.stderr
            sidecar.kill()
            wait_until(lambda: state_of(hub, "alpha") == "offline", what="the last will")
        finally:
            sidecar.stop()
            assert hub.stop() == 0
        assert "MQTT 3.1.1" in hub.log.read_text()


def refuses_shared(packet: bytes, from_broker: bool) -> bytes | None:
    """Hangs up on a shared subscription, as a broker without them may (MQTT 5, 3.8.4)."""
    asks = not from_broker and packet[0] >> 4 == Packet.SUBSCRIBE and b"$share/" in packet
    return None if asks else packet


@pytest.mark.parametrize("words", [("status",), ("doctor",)])
def test_nothing_needs_shared_subscriptions(
    tmp_path: Path, broker: Mosquitto, words: tuple[str, ...]
) -> None:
    with PacketProxy(broker.port, refuses_shared) as proxy:
        broker.port, real = proxy.port, broker.port
        try:
            hub = Served(tmp_path / "hub", broker).start()
        finally:
            broker.port = real
        try:
            done = fleet(*words, environ=hub.environ)
            assert "Traceback" not in done.stderr
            assert "hung up" not in done.stdout + done.stderr
        finally:
            assert hub.stop() == 0
        assert "link to the broker lost" not in hub.log.read_text()
