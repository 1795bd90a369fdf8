"""Brokers that cannot do all: hub, sidecar, doctor and `bus-publish` say so in the same words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from fleet.contract.broker_capabilities import Lack, Need, Weight
from tests.support.broker import SHIPPED, Mosquitto
from tests.support.limited_broker import LimitedBroker
from tests.support.one_liner import enrol, run
from tests.support.served import environment, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

STUBS: Final[dict[str, tuple[dict[str, Any], Lack]]] = {
    "qos-0": ({"max_qos": 0}, Lack(Need.QOS_1)),
    "weak": ({"weak": True}, Lack(Need.QOS_1)),
    "retained": ({"retained": 0}, Lack(Need.RETAINED)),
    "packet": ({"max_packet": 350}, Lack(Need.PACKET_SIZE, 350)),
    "session": ({"session": 60}, Lack(Need.SESSION, 60)),
    "window": ({"window": 1}, Lack(Need.WINDOW, 1)),
    "keep-alive": ({"keep_alive": 600}, Lack(Need.KEEP_ALIVE, 600)),
    "only-3.1.1": ({"only_3": True}, Lack(Need.MQTT_5)),
}
"""What a stub lacks, and what is said of it."""

OF_THE_HUB: Final[dict[str, tuple[dict[str, Any], Lack]]] = {
    "wildcards": ({"wildcards": 0}, Lack(Need.WILDCARDS)),
    "identifiers": ({"identifiers": 0}, Lack(Need.IDENTIFIERS)),
}
"""What agents do not need."""

OF_DOCTOR: Final[dict[str, tuple[dict[str, Any], Lack]]] = {
    "statistics": ({"mute": True}, Lack(Need.STATISTICS)),
    "shared": ({"shared": 0}, Lack(Need.SHARED)),
}
"""What a running hub finds out only later, or never needs."""

MOSQUITTO: Final[dict[str, tuple[list[str], Lack]]] = {
    "qos-0": (["max_qos 0"], Lack(Need.QOS_1)),
    "retained": (["retain_available false"], Lack(Need.RETAINED)),
    "packet": (["max_packet_size 350"], Lack(Need.PACKET_SIZE, 350)),
}
"""Lines of a real broker's configuration, and what is said of it."""


def says(text: str, lack: Lack) -> bool:
    return all(words in text for words in (lack.missing, lack.effect, lack.remedy))


def hub_says(folder: Path, url: str, lack: Lack) -> None:
    """`fleet serve` says it, and serves all the same if that is of any use."""
    folder.mkdir(mode=0o700)
    log = folder / "serve.log"
    with log.open("wb") as out:
        hub = subprocess.Popen(
            [sys.executable, "-m", "fleet", "serve", "-v"],
            env=environment(folder, FLEET_BROKER=url, FLEET_HTTP="127.0.0.1:0"),
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: says(log.read_text(), lack), what=f"{lack.need} in the hub's log")
        if lack.weight is Weight.FATAL:
            assert hub.wait(20) == 3
            assert "\nTry: " in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        hub.terminate()
        hub.wait(20)


def sidecar_says(folder: Path, url: str, lack: Lack) -> Sidecar:
    sidecar = Sidecar(folder, url).start()
    try:
        wait_until(lambda: says(sidecar.log.read_text(), lack), what=f"{lack.need} in its log")
        assert "Traceback" not in sidecar.log.read_text()
    finally:
        sidecar.kill()
    return sidecar


def doctor_says(folder: Path, url: str, lack: Lack) -> None:
    folder.mkdir(mode=0o700)
    done = fleet("doctor", environ=environment(folder, FLEET_BROKER=url))
    assert lack.sentence in done.stdout + done.stderr or says(done.stdout + done.stderr, lack)
    assert lack.weight is Weight.HARMLESS or lack.remedy in done.stdout + done.stderr
    assert done.returncode == (2 if lack.weight is Weight.FATAL else done.returncode)


def stubbed(broker: Mosquitto, limits: dict[str, Any]) -> LimitedBroker:
    return LimitedBroker(broker.port, **limits)


@pytest.mark.parametrize("name", STUBS)
def test_hub_sidecar_and_doctor_say_what_a_broker_lacks(
    name: str, broker: Mosquitto, tmp_path: Path
) -> None:
    limits, lack = STUBS[name]
    with stubbed(broker, limits) as stub:
        url = f"mqtt://127.0.0.1:{stub.port}"
        sidecar_says(tmp_path / "agent", url, lack)
        hub_says(tmp_path / "hub", url, lack)
        doctor_says(tmp_path / "doctor", url, lack)
    assert stub.violations == [], "what it cannot do was tried all the same"


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_hub_and_doctor_say_what_only_they_miss(
    name: str, broker: Mosquitto, tmp_path: Path
) -> None:
    limits, lack = OF_THE_HUB[name]
    with stubbed(broker, limits) as stub:
        url = f"mqtt://127.0.0.1:{stub.port}"
        hub_says(tmp_path / "hub", url, lack)
        doctor_says(tmp_path / "doctor", url, lack)
    assert stub.violations == []


@pytest.mark.parametrize("name", OF_DOCTOR)
def test_doctor_says_what_else_a_broker_lacks(name: str, broker: Mosquitto, tmp_path: Path) -> None:
    limits, lack = OF_DOCTOR[name]
    with stubbed(broker, limits) as stub:
        doctor_says(tmp_path / "doctor", f"mqtt://127.0.0.1:{stub.port}", lack)


def test_doctor_does_not_take_a_quiet_broker_for_one_without_statistics(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """Mosquitto keeps each figure for a minute, and says it again only when it has changed."""
    with stubbed(broker, {"quiet": True}) as stub:
        url = f"mqtt://127.0.0.1:{stub.port}"
        done = fleet("doctor", environ=environment(tmp_path, FLEET_BROKER=url))
    assert "round trip" in done.stdout
    assert "dropped nothing within the last minute" in done.stdout
    assert Lack(Need.STATISTICS).missing not in done.stdout


@pytest.fixture(params=MOSQUITTO)
def poor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A real Mosquitto that is configured to lack something, and what it lacks."""
    lines, lack = MOSQUITTO[request.param]
    broker = Mosquitto(tmp_path / "poor", [*SHIPPED, *lines]).start()
    yield SimpleNamespace(broker=broker, lack=lack)
    broker.stop()


def test_hub_sidecar_and_doctor_say_it_of_a_real_mosquitto(
    poor: SimpleNamespace, tmp_path: Path
) -> None:
    sidecar_says(tmp_path / "agent", poor.broker.url, poor.lack)
    hub_says(tmp_path / "hub", poor.broker.url, poor.lack)
    doctor_says(tmp_path / "doctor", poor.broker.url, poor.lack)


def test_doctor_blames_a_broker_that_retains_nothing_for_nothing_else(tmp_path: Path) -> None:
    """Without retained messages its figures come at its interval, and doctor does not wait."""
    broker = Mosquitto(tmp_path / "poor", [*SHIPPED, "retain_available false"]).start()
    try:
        done = fleet("doctor", environ=environment(tmp_path, FLEET_BROKER=broker.url))
    finally:
        broker.stop()
    assert Lack(Need.RETAINED).sentence in done.stdout
    assert Lack(Need.STATISTICS).missing not in done.stdout


LONG: Final = [f"metric_{number}={number}" for number in range(20)]
"""Fields that make a message longer than the smallest broker takes."""


def test_bus_publish_says_it_and_gets_through_where_that_is_possible(
    poor: SimpleNamespace, tmp_path: Path
) -> None:
    enrol(tmp_path, poor.broker)
    done = run("heartbeat", *LONG, home=tmp_path)
    unmeasured = Lack(poor.lack.need)
    assert unmeasured.sentence in done.stderr
    assert f"Try: {unmeasured.remedy}" in done.stderr
    assert done.returncode == (0 if poor.lack.need is Need.RETAINED else 3)


@pytest.mark.parametrize("retained", [0, 1])
def test_bus_publish_over_mqtt_3_1_1_is_not_refused_for_ever(
    retained: int, broker: Mosquitto, tmp_path: Path
) -> None:
    """There a broker only hangs up: on a retained message, or on one that is too long."""
    limits = {} if retained == 0 else {"max_packet": 350}
    with LimitedBroker(broker.port, only_3=True, retained=retained, **limits) as stub:
        enrol(tmp_path, SimpleNamespace(url=f"mqtt://127.0.0.1:{stub.port}"))  # type: ignore[arg-type]
        done = run("heartbeat", *LONG, home=tmp_path)
    need = Need.PACKET_SIZE if retained else Need.RETAINED
    assert Lack(need).sentence in done.stderr
    assert done.returncode == (3 if retained else 0)


def test_a_broker_that_only_hangs_up_on_what_is_retained_is_served_and_named(
    broker: Mosquitto, tmp_path: Path
) -> None:
    lack = Lack(Need.RETAINED)
    with LimitedBroker(broker.port, only_3=True, retained=0) as stub:
        url = f"mqtt://127.0.0.1:{stub.port}"
        sidecar = sidecar_says(tmp_path / "agent", url, lack)
        assert "link down" not in sidecar.log.read_text()
        doctor_says(tmp_path / "doctor", url, lack)
    assert set(stub.violations) == {"a retained will"}


def test_a_one_shot_says_once_that_nothing_is_retained(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "poor", ["retain_available false"]).start()
    try:
        sidecar = Sidecar(tmp_path / "agent", broker.url)
        first, second = sidecar.call("beat"), sidecar.call("beat")
    finally:
        broker.stop()
    assert (first.returncode, second.returncode) == (0, 0)
    assert says(first.stderr, Lack(Need.RETAINED))
    assert second.stderr == ""


def test_what_cannot_pass_is_set_aside_and_the_link_holds(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with LimitedBroker(broker.port, max_packet=350) as stub:
        url = f"mqtt://127.0.0.1:{stub.port}"
        sidecar = Sidecar(tmp_path / "agent", url).start()
        try:
            wait_until(lambda: "is set aside" in sidecar.log.read_text())
            sidecar.put("alert", {"code": "cron-failure", "severity": "info", "state": "firing"})
            wait_until(lambda: not list(sidecar.drop.glob("alert-*")), what="the drop taken")
        finally:
            sidecar.stop()
        assert stub.connects == 1
        done = sidecar.call("beat")
    assert done.returncode == 3
    assert "a message is set aside" in done.stderr
    assert stub.violations == []


def test_where_the_broker_only_hangs_up_the_sidecar_finds_the_size_out(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with LimitedBroker(broker.port, only_3=True, max_packet=400) as stub:
        sidecar = Sidecar(tmp_path / "agent", f"mqtt://127.0.0.1:{stub.port}").start()
        try:
            wait_until(
                lambda: "is set aside" in sidecar.log.read_text(), 60, what="the end of trying"
            )
        finally:
            sidecar.kill()
