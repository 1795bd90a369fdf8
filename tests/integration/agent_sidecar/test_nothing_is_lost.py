"""What was said once arrives, whatever is killed in between."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until

ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}


def values(hub: Listener) -> set[float]:
    return {message["value"] for message in hub.all("alert") if "value" in message}


def drop(sidecar: Sidecar, numbers: range) -> None:
    for number in numbers:
        sidecar.put("alert", {**ALERT, "value": number}, str(number))


def all_taken(sidecar: Sidecar) -> bool:
    return not list(sidecar.drop.glob("*.json"))


def metric(hub: Listener, name: str) -> float:
    beats = hub.all("heartbeat")
    return float(beats[-1]["metrics"][name]) if beats else -1.0


def test_an_outage_is_made_up_for_in_order(tmp_path: Path, sidecar: Sidecar) -> None:
    """The broker keeps the hub's subscriptions, so the order that arrives is the order sent."""
    broker = Mosquitto(tmp_path / "keeping", persistence=True).start()
    receipting = Listener(broker.port, receipts=True).start()
    sidecar.settings["FLEET_BROKER"] = broker.url
    sidecar.start()
    receipting.wait("status", state="running")
    broker.stop()
    drop(sidecar, range(200))
    wait_until(lambda: all_taken(sidecar))
    broker.start()
    wait_until(lambda: len(values(receipting)) == 200)
    seqs = [message["seq"] for message in receipting.all("alert")]
    first_time = list(dict.fromkeys(seqs))
    assert first_time == sorted(first_time)
    wait_until(lambda: metric(receipting, "outbox_messages") == 0)
    receipting.stop()
    broker.stop()


def test_a_full_outbox_outlives_kill_9(
    broker: Mosquitto, receipting: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    birth = receipting.wait("status", state="running")
    broker.stop()
    drop(sidecar, range(300))
    wait_until(lambda: all_taken(sidecar))
    sidecar.kill()
    broker.start()
    sidecar.start()
    wait_until(lambda: len(values(receipting)) == 300)
    assert {message["boot"] for message in receipting.all("alert")} == {birth["boot"]}
    wait_until(lambda: metric(receipting, "outbox_messages") == 0)


def test_a_broker_that_is_killed_under_load_loses_nothing(
    broker: Mosquitto, receipting: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    receipting.wait("status", state="running")
    for part in range(4):
        drop(sidecar, range(part * 100, part * 100 + 100))
        wait_until(lambda: len(list(sidecar.drop.glob("*.json"))) < 80)
        broker.kill()
        time.sleep(0.05)
        broker.start()
    wait_until(lambda: values(receipting) == set(map(float, range(400))))
    wait_until(lambda: metric(receipting, "outbox_messages") == 0)


def test_a_sidecar_that_is_killed_under_load_loses_nothing(
    receipting: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    receipting.wait("status", state="running")
    for part in range(3):
        drop(sidecar, range(part * 100, part * 100 + 100))
        wait_until(lambda: len(list(sidecar.drop.glob("*.json"))) < 80)
        sidecar.kill()
        sidecar.start()
    wait_until(lambda: values(receipting) == set(map(float, range(300))))
    wait_until(lambda: metric(receipting, "outbox_messages") == 0)


def test_a_row_leaves_only_on_the_receipt_of_the_hub(
    broker: Mosquitto, hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    drop(sidecar, range(5))
    wait_until(lambda: len(values(hub)) == 5)
    wait_until(lambda: metric(hub, "outbox_messages") == 6)
    last = hub.all("alert")[-1]
    hub.send("fleet/alpha/receipt", {"boot": last["boot"], "seq": last["seq"]}, retain=True)
    hub.send("fleet/alpha/receipt", {"boot": last["boot"], "seq": last["seq"] + 10_000})
    hub.send("fleet/alpha/receipt", {"boot": last["boot"] + 1, "seq": 0})
    hub.send("fleet/alpha/receipt", b"everything")
    wait_until(lambda: metric(hub, "rejected_total") == 4)
    assert metric(hub, "outbox_messages") == 6
    hub.send("fleet/alpha/receipt", {"boot": last["boot"], "seq": last["seq"]})
    wait_until(lambda: metric(hub, "outbox_messages") == 0)


def test_a_hub_that_comes_up_gets_what_it_missed(
    broker: Mosquitto, hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    drop(sidecar, range(20))
    wait_until(lambda: len(values(hub)) == 20)
    hub.heard.clear()
    hub.receipts = True
    hub.notice("hub-online")
    wait_until(lambda: len(values(hub)) == 20)
    wait_until(lambda: metric(hub, "outbox_messages") == 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False,
        capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(
    broker: Mosquitto, receipting: Listener, sidecar: Sidecar, small_disk: Path
) -> None:
    sidecar.settings["FLEET_HOME"] = str(small_disk)
    sidecar.start()
    receipting.wait("status", state="running")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(1 << 20))
    drop(sidecar, range(100))
    alert = receipting.wait("alert", code="queue-backlog", state="firing")
    assert alert["severity"] == "warning"
    assert receipting.wait("heartbeat")["ok"]
    filler.unlink()
    receipting.wait("alert", code="queue-backlog", state="resolved")
    wait_until(lambda: values(receipting) >= set(map(float, range(100))))
    wait_until(lambda: metric(receipting, "outbox_messages") == 0)


def test_on_a_full_disk_commands_go_on_also_at_a_broker_that_sends_one_at_a_time(
    tmp_path: Path, sidecar: Sidecar, small_disk: Path
) -> None:
    """What is not written down keeps its command unacknowledged, but not for ever."""
    broker = Mosquitto(tmp_path / "slow", ["max_inflight_messages 1"]).start()
    hub = Listener(broker.port).start()
    sidecar.settings |= {"FLEET_HOME": str(small_disk), "FLEET_BROKER": broker.url}
    sidecar.start()
    hub.wait("status", state="running")
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(1 << 20))
    for verb in ("version-report", "status-report", "health-check") * 2:
        assert hub.reply(hub.command("alpha", verb))["result"] == "done"
    hub.stop()
    broker.stop()


def test_a_damaged_outbox_does_not_keep_the_sidecar_down(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.state.mkdir(parents=True)
    (sidecar.state / "outbox.sqlite3").write_bytes(b"garbage" * 1000)
    sidecar.start()
    hub.wait("status", state="running")
    assert (sidecar.state / "outbox.damaged").exists()
    shutil.rmtree(sidecar.drop, ignore_errors=True)
