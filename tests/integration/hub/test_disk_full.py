"""A real disk that is full: a tiny tmpfs under the hub's home."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher, wait_stored
from tests.support.waiting import wait_until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto, small_disk: Path) -> Iterator[HubProcess]:
    hub = HubProcess(small_disk / "home", broker, log=tmp_path / "hub.log")
    yield hub
    hub.kill()


def test_a_full_disk_pauses_intake_tells_and_loses_nothing(
    hub: HubProcess, broker: Mosquitto, small_disk: Path
):
    hub.start()
    larry = Publisher(broker, "larry")
    larry.publish_all("heartbeat", [_beat(0)])
    wait_stored(hub, 1)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        _fill(ballast)
    count = 1500
    larry.publish_all("heartbeat", [_beat(n) for n in range(1, count)])
    wait_until(lambda: "intake paused" in hub.log, what="the pause")
    ballast.unlink()
    wait_stored(hub, count)
    seqs = sorted(json.loads(payload)["seq"] for payload in hub.stored().elements())
    assert seqs == list(range(count))
    wait_until(
        lambda: (
            hub.query("SELECT state FROM alert WHERE code = 'disk-pressure'") == [("resolved",)]
        ),
        what="the alert's end",
    )
    assert hub.stop() == 0
    larry.close()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


def _beat(seq: int) -> bytes:
    return json.dumps({"ok": True, "ts": timestamp(time.time()), "boot": 7, "seq": seq}).encode()
