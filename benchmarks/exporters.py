"""The two exporters we are measured beside, each running on a broker: Debian's and PyPI's."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cost, peers
from tests.support.broker import free_port
from tests.support.waiting import wait_until

TOPIC = "fleet/+/heartbeat"

STEP, BUSY, IDLE = 0.02, 0.2, 0.5
"""Seconds between looks; the share of a core that is work; seconds without work: the end."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """One that runs: its process, its page, and the family that counts what it received."""

    pid: int
    url: str
    counter: str
    token: str = ""

    def page(self) -> str:
        """Scrape once."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - of ours
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            text: str = response.read().decode()
        return text

    def received(self) -> int:
        """Messages so far; -1 before it answers."""
        with contextlib.suppress(OSError):
            found = re.findall(rf"^{self.counter}{{.*}} (\S+)$", self.page(), re.MULTILINE)
            return int(sum(map(float, found)))
        return -1

    def done(self, messages: int, patience: float) -> float:
        """The moment (`time.monotonic`) at which it had taken in so many.

        Not its page is watched but its CPU: rendering the page would cost it half its time.
        """
        end, last, used = time.monotonic() + patience, time.monotonic(), self._cpu()
        while True:
            time.sleep(STEP)
            now, before, used = time.monotonic(), used, self._cpu()
            if used - before > STEP * BUSY:
                last = now
            elif now - last > IDLE:
                if self.received() >= messages:
                    return last
                assert now < end, f"{self.received()} of {messages} after {patience} s"
                used = self._cpu()

    def _cpu(self) -> float:
        return cost.cpu_seconds(self.pid)


@contextlib.contextmanager
def from_debian(broker: int, folder: Path, metrics: Sequence[str] = ()) -> Iterator[Exporter]:
    """prometheus-mqtt-exporter (Go); it exports the uptime, and of `metrics` what is named."""
    program = peers.go_exporter()
    assert program
    config = folder / "exporter.yaml"
    families = [("uptime_seconds", "uptime"), *((name, f"metrics.{name}") for name in metrics)]
    lines = [f"  - {{prom_name: {p}, mqtt_name: {m}, type: gauge}}" for p, m in families]
    config.write_text(
        f"mqtt: {{server: 'tcp://127.0.0.1:{broker}', topic_path: '{TOPIC}', qos: 1,"
        " device_id_regex: 'fleet/(?P<deviceid>.*)/heartbeat'}\n"
        "cache: {timeout: 60m}\nmetrics:\n" + "\n".join(lines) + "\n"
    )
    port = free_port()
    argv = [program, "-config", str(config), "-listen-address", "127.0.0.1", "-listen-port"]
    with running([*argv, str(port)], folder / "exporter.log", {}) as pid:
        yield ready(Exporter(pid, f"http://127.0.0.1:{port}/metrics", "received_messages"))


@contextlib.contextmanager
def from_pypi(broker: int, folder: Path, metrics: Sequence[str] = ()) -> Iterator[Exporter]:
    """mqtt-exporter (Python); it exports every number of a message, and subscribes at QoS 0."""
    del metrics  # it takes what comes
    python = peers.python_of("mqtt-exporter")
    assert python
    port = free_port()
    settings = {
        "MQTT_PORT": str(broker), "MQTT_TOPIC": TOPIC, "LOG_LEVEL": "ERROR",
        "PROMETHEUS_ADDRESS": "127.0.0.1", "PROMETHEUS_PORT": str(port),
    }  # fmt: skip
    argv = [str(python.with_name("mqtt-exporter"))]
    with running(argv, folder / "mqtt-exporter.log", settings) as pid:
        yield ready(Exporter(pid, f"http://127.0.0.1:{port}/metrics", "mqtt_message_total"))


Start = Callable[..., contextlib.AbstractContextManager[Exporter]]


def installed() -> dict[str, Start]:
    """Name → how to run it, of those that are there."""
    found: dict[str, Start] = {}
    if peers.go_exporter():
        found["prometheus-mqtt-exporter"] = from_debian
    if peers.python_of("mqtt-exporter"):
        found["mqtt-exporter"] = from_pypi
    return found


@contextlib.contextmanager
def running(argv: list[str], log: Path, settings: dict[str, str]) -> Iterator[int]:
    """Its pid; ended afterwards."""
    with log.open("w") as stream:
        process = subprocess.Popen(argv, stdout=stream, stderr=stream, env=os.environ | settings)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def ready(one: Exporter) -> Exporter:
    wait_until(lambda: one.received() >= 0, what="the exporter's page")
    time.sleep(1)  # it has subscribed by then
    return one
