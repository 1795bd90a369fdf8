"""A sidecar at rest sleeps until something is due."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import cost
from tests.support.broker import SHIPPED, Mosquitto
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until


def test_beats_are_all_the_signs_of_life_that_the_broker_gets(tmp_path: Path) -> None:
    """paho pings each keep-alive, here 5 s, whatever else it sends, and each ping is a wake-up."""
    broker = Mosquitto(tmp_path / "broker", [*SHIPPED, "log_type all"]).start()
    hub = Listener(broker.port, receipts=True).start()
    sidecar = Sidecar(tmp_path / "alpha", broker.url).start()
    try:
        first = hub.wait("heartbeat")["seq"]
        hub.wait("heartbeat", count=13)
        assert hub.all("heartbeat")[-1]["seq"] - first < 20, "it beats each second"
        log = broker.log.read_text(errors="replace")
        assert "Received PUBLISH from alpha" in log
        assert "Received PINGREQ from alpha" not in log
    finally:
        sidecar.stop()
        hub.stop()
        broker.stop()


def test_between_beats_it_is_woken_for_its_sign_of_life_alone(tmp_path: Path) -> None:
    """A loop of one second, anywhere in it, would be ten wake-ups more."""
    broker = Mosquitto(tmp_path / "broker").start()
    hub = Listener(broker.port, receipts=True).start()
    sidecar = Sidecar(tmp_path / "alpha", broker.url, FLEET_INTERVAL="600").start()
    try:
        hub.wait("heartbeat")
        assert sidecar.process is not None
        pid = sidecar.process.pid
        wait_until(lambda: wake_ups_in(pid, 1.5) == 0, what="the end of its start")
        assert wake_ups_in(pid, 10) <= 5
    finally:
        sidecar.stop()
        hub.stop()
        broker.stop()


def wake_ups_in(pid: int, seconds: float) -> int:
    before = cost.wake_ups(pid)
    time.sleep(seconds)
    return cost.wake_ups(pid) - before
