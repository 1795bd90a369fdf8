"""The hub goes on: over links that break at any packet, children that are killed, early stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, free_port
from tests.support.hub import HubProcess, Publisher, wait_stored
from tests.support.packet_proxy import HangUpProxy, Packet
from tests.support.waiting import wait_until

BEAT = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":%d}'
FOR_EVER = 1_000_000


def through(hub: HubProcess, proxy: HangUpProxy) -> HubProcess:
    hub._environ["FLEET_BROKER"] = f"mqtt://127.0.0.1:{proxy.port}"
    return hub


@pytest.mark.parametrize(
    ("packet", "containing"),
    [
        (Packet.CONNACK, b""),
        (Packet.SUBSCRIBE, b"#"),
        (Packet.SUBSCRIBE, b"/command"),
        (Packet.SUBACK, b""),
        (Packet.PUBLISH, b"hub-online"),
        (Packet.PUBACK, b""),
        (Packet.PUBLISH, b'"uptime":0'),
        (Packet.SUBSCRIBE, b"$SYS"),
    ],
    ids=lambda value: getattr(value, "name", None) or value.decode() or "any",
)
def test_a_link_that_breaks_at_a_packet_ends_nothing(
    tmp_path: Path, broker: Mosquitto, packet: Packet, containing: bytes
) -> None:
    with HangUpProxy(broker.port, packet, containing) as proxy:
        hub = through(HubProcess(tmp_path / "home", broker), proxy).start()
        try:
            larry = Publisher(broker, "larry")
            larry.publish_all("heartbeat", [BEAT % n for n in range(3)])
            wait_stored(hub, 3)
            larry.close()
            assert proxy.hung_up == 1
        finally:
            assert hub.stop() == 0
        assert "Traceback" not in hub.log


def test_a_broker_that_always_hangs_up_on_its_statistics_is_served_all_the_same(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with HangUpProxy(broker.port, Packet.SUBSCRIBE, b"$SYS", FOR_EVER) as proxy:
        hub = through(HubProcess(tmp_path / "home", broker), proxy).start()
        try:
            larry = Publisher(broker, "larry")
            larry.publish("heartbeat", BEAT % 1, retain=True).wait_for_publish(10)
            wait_stored(hub, 1)
            larry.close()
        finally:
            hub.stop()
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "status", "-o", "json"],
            env=hub._environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert [agent["agent"] for agent in json.loads(done.stdout)["agents"]] == ["larry"]
        assert "Traceback" not in hub.log


def test_a_broker_that_refuses_the_hub_is_said_in_two_lines(tmp_path: Path) -> None:
    """Before anything is served: what, why, and a remedy, also out of a group of tasks."""
    nothing = tmp_path / "acl"
    nothing.write_text("topic read nothing\n")
    denying = Mosquitto(tmp_path / "broker", [f"acl_file {nothing}"]).start()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "serve"],
            env={
                **os.environ,
                "FLEET_HOME": str(tmp_path / "home"),
                "FLEET_BROKER": denying.url,
                "FLEET_HTTP": f"127.0.0.1:{free_port()}",
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        denying.stop()
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "the broker refused" in done.stderr
    assert "Try: " in done.stderr


def audits(pid: int) -> list[int]:
    """The hub's audit processes, by what they were started to do."""
    lists = [one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children")]
    children = [int(word) for text in lists for word in text.split()]
    spawned = b"multiprocessing.spawn"
    return [one for one in children if spawned in Path(f"/proc/{one}/cmdline").read_bytes()]


def test_an_audit_that_is_killed_takes_nobody_with_it(tmp_path: Path, broker: Mosquitto) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text("[audit]\nevery_days = 0.00001\n")
    hub = HubProcess(home, broker).start()
    try:
        wait_until(lambda: audits(hub.pid), what="the audit's process")
        for child in audits(hub.pid):
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: "the audit's process ended without a report" in hub.log, what="a word")
        larry = Publisher(broker, "larry")
        larry.publish_all("heartbeat", [BEAT % 1])
        wait_stored(hub, 1)
        larry.close()
    finally:
        assert hub.stop() == 0
    assert "Traceback" not in hub.log


def test_a_stop_does_not_wait_for_an_audit(tmp_path: Path, broker: Mosquitto) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text("[audit]\nevery_days = 0.00001\n")
    hub = HubProcess(home, broker).start()
    watcher = Publisher(broker, "watcher")
    watcher.listen("zephyr/broadcast")
    try:
        wait_until(lambda: audits(hub.pid), what="the audit's process")
        (child, *_) = audits(hub.pid)
        os.kill(child, signal.SIGSTOP)
        assert hub.stop() == 0
        notices = lambda: [message["notice"] for _, message in watcher.inbox]  # noqa: E731
        wait_until(lambda: "hub-offline" in notices(), what="the goodbye")
        wait_until(lambda: not Path(f"/proc/{child}").exists(), what="the end of the audit")
    finally:
        watcher.close()
        hub.stop()


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.4])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_at_any_moment_ends_in_time_and_says_goodbye(
    tmp_path: Path, broker: Mosquitto, delay: float, number: signal.Signals
) -> None:
    watcher = Publisher(broker, "watcher")
    watcher.listen("zephyr/broadcast")
    hub = HubProcess(tmp_path / "home", broker)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet", "serve"], env=hub._environ, stdout=log, stderr=log
        )
        time.sleep(delay)  # wherever it is by then
        process.send_signal(number)
        process.wait(60)  # five seconds are usual: machines that run tests are busy
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said or process.returncode in (-number, 130), said
    whole: tuple[list[str], ...] = ([], ["hub-offline"], ["hub-online", "hub-offline"])
    wait_until(
        lambda: [message["notice"] for _, message in watcher.inbox] in whole, what="its goodbye"
    )
    watcher.close()
