"""Two sidecars of one agent at once: one gives way, both say so, and the hub tells it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_sidecar.mqtt.reconnect import MAY_BE, REPLACED, TAKEN_OVER
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.packet_proxy import Packet, PacketProxy
from tests.support.sidecar import Sidecar
from tests.support.twins import HURRIED, connects
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

LONG = 120.0
"""Seconds: several of the waits of somebody who gave way, on a busy machine."""

ALERT = ("alpha", "credential-used-twice", "firing")
ALERTS = "SELECT agent, code, state FROM alert"

Pair = tuple[Sidecar, Sidecar]
MakePair = Callable[..., Pair]


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[HubProcess]:
    serving = HubProcess(tmp_path / "hub", broker).start()
    yield serving
    serving.stop()


@pytest.fixture
def pair(tmp_path: Path, broker: Mosquitto) -> Iterator[MakePair]:
    """Makes a running sidecar and, not started yet, one with a copy of its state."""
    made: list[Sidecar] = []

    def make(**settings: str) -> Pair:
        first = Sidecar(tmp_path / "first", broker.url, **settings).start()
        made.append(first)
        wait_until(lambda: connects(broker, "alpha") == 1, what="the first link")
        wait_until((first.state / "origin.json").exists)
        second = Sidecar(tmp_path / "second", broker.url, **settings)
        shutil.copytree(first.folder / "home", second.folder / "home")
        made.append(second)
        return first, second

    yield make
    for sidecar in made:
        sidecar.kill()


def said(sidecar: Sidecar, text: str) -> int:
    return sidecar.log.read_text().count(text)


def test_a_copied_state_directory_gives_way_at_once_and_says_why(
    broker: Mosquitto, hub: HubProcess, pair: MakePair
) -> None:
    original, copy = pair(FLEET_INTERVAL="600")
    copy.start()
    wait_until(lambda: said(copy, REPLACED), what="that the copy gives way")
    wait_until(lambda: said(original, MAY_BE), what="that the original says so, too")
    assert said(copy, "is a copy, or was restored") == 1
    assert said(copy, "end one of the two") == 1
    assert said(original, REPLACED) == 0
    assert connects(broker, "alpha") == 3
    assert hub.count(kind=1) <= 3 * 4  # a link makes a birth, a will, and a change or two


def test_of_two_that_go_on_the_hub_tells_and_stores_no_turns(
    broker: Mosquitto, hub: HubProcess, pair: MakePair
) -> None:
    original, copy = pair(**HURRIED, FLEET_INTERVAL="10")
    copy.start()
    wait_until(lambda: ALERT in hub.query(ALERTS), LONG, what="the alert")
    births, events = hub.count(kind=1), "SELECT count(*) FROM event WHERE agent = 'alpha'"
    before, facts = connects(broker, "alpha"), hub.query(events)
    wait_until(lambda: connects(broker, "alpha") >= before + 4, LONG, what="more turns")
    assert hub.count(kind=1) <= births + 2  # of the turn in which the alert was raised
    assert int(str(hub.query(events)[0][0])) <= int(str(facts[0][0])) + 4
    assert original.stop() == 0
    wait_until(lambda: said(copy, "ours alone again"), LONG, what="that the copy has the place")
    assert hub.query(ALERTS).count(ALERT) == 1  # it holds: who gave way may come back


def test_two_that_are_no_copies_end_their_struggle_too(
    tmp_path: Path, broker: Mosquitto, hub: HubProcess
) -> None:
    """As of one virtual machine that was copied whole: then nothing tells which is the copy."""
    twins = [Sidecar(tmp_path / name, broker.url, FLEET_INTERVAL="600") for name in ("a", "b")]
    try:
        for sidecar in twins:
            sidecar.start()
        wait_until(lambda: sum(said(s, REPLACED) for s in twins), LONG, what="that one gives way")
        wait_until(lambda: ALERT in hub.query(ALERTS), what="the alert")
        assert connects(broker, "alpha") <= 10
        assert sum(said(s, REPLACED) for s in twins) == 1
    finally:
        for sidecar in twins:
            sidecar.kill()


class TakenOver:
    """Puts a DISCONNECT of MQTT 5 with the reason 0x8E behind each CONNACK."""

    def __call__(self, packet: bytes, from_broker: bool) -> bytes:
        taken = from_broker and packet[0] >> 4 == Packet.CONNACK
        return packet + b"\xe0\x01\x8e" if taken else packet


def test_what_the_broker_says_of_a_takeover_is_said(tmp_path: Path, broker: Mosquitto) -> None:
    with PacketProxy(broker.port, TakenOver()) as proxy:
        sidecar = Sidecar(tmp_path, f"mqtt://127.0.0.1:{proxy.port}").start()
        try:
            wait_until(lambda: said(sidecar, REPLACED), LONG, what="that it gives way")
        finally:
            sidecar.kill()
        assert said(sidecar, TAKEN_OVER) == 2
