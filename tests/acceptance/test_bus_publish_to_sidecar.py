"""An agent's call, its sidecar, the broker: the whole way of a drop, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.drop.directory import OWNER
from fleet.contract.schema_validator import schema_validators
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from tests.support.broker import Mosquitto
from tests.support.one_liner import run
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def drop(broker: Mosquitto, tmp_path: Path) -> Iterator[Path]:
    """The drop directory of a sidecar that runs."""
    folder = tmp_path / "drop"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLEET_")},
        "FLEET_AGENT": "alpha",
        "FLEET_BROKER": broker.url,
        "FLEET_DROP": str(folder),
        "FLEET_HOME": str(tmp_path / "home"),
        "FLEET_KIND": "generic",
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "sidecar.log").open("wb") as log:
        sidecar = subprocess.Popen(
            [sys.executable, "-m", "agent_sidecar", "run"], env=environment, stdout=log, stderr=log
        )
    mark = folder / OWNER  # dated ahead while a sidecar takes up what is dropped
    wait_until(lambda: mark.exists() and mark.stat().st_mtime > time.time(), what="the sidecar")
    yield folder
    sidecar.send_signal(signal.SIGTERM)
    sidecar.wait(15)


def retained(broker: Mosquitto, kind: MessageKind) -> dict[str, object] | None:
    found = subprocess.run(
        ["mosquitto_sub", "-p", str(broker.port), "-t", Topics().of(kind, "alpha"), "-C", "1",
         "-W", "1", "--retained-only"],
        capture_output=True, check=False,
    ).stdout  # fmt: skip
    return schema_validators()[kind].read(found) if found else None


def test_a_dropped_alert_reaches_the_broker(drop: Path, broker: Mosquitto, tmp_path: Path) -> None:
    words = ["alert", "code=disk-pressure", "severity=warning", "value=91"]
    answer = run(*words, home=tmp_path, FLEET_DROP=str(drop))
    assert (answer.returncode, answer.stderr) == (0, "")
    alert = wait_until(lambda: retained(broker, MessageKind.ALERT), what="the alert")
    assert (alert["code"], alert["value"]) == ("disk-pressure", 91)
    assert "ts" in alert
    assert list((drop / "rejected").iterdir()) == []


def test_a_dropped_heartbeat_counts_as_the_agents_word(
    drop: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    assert run("heartbeat", "ok=false", "n=7", home=tmp_path, FLEET_DROP=str(drop)).returncode == 0

    def said() -> bool:
        heartbeat = retained(broker, MessageKind.HEARTBEAT)
        return heartbeat is not None and heartbeat["ok"] is False

    wait_until(said, what="the agent's verdict on the bus")


@pytest.mark.parametrize("named", ["beta", "alpha", ""])
def test_a_drop_directory_takes_only_its_own_agents_messages(
    drop: Path, tmp_path: Path, named: str
) -> None:
    words = ["alert", "code=disk-pressure", "severity=warning"]
    answer = run(*words, home=tmp_path, FLEET_DROP=str(drop), FLEET_AGENT=named)
    if named == "beta":
        assert answer.returncode == 3
        assert answer.stderr.startswith(f"{drop} is the drop directory of alpha: ")
    else:
        assert (answer.returncode, answer.stderr) == (0, "")


def test_an_alert_of_the_agent_rides_in_the_next_heartbeat(
    drop: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    words = ["alert", "code=disk-pressure", "severity=warning"]
    assert run(*words, home=tmp_path, FLEET_DROP=str(drop)).returncode == 0
    wait_until(lambda: retained(broker, MessageKind.ALERT), what="the alert")
    assert run("heartbeat", home=tmp_path, FLEET_DROP=str(drop)).returncode == 0

    def listed() -> bool:
        heartbeat = retained(broker, MessageKind.HEARTBEAT)
        return heartbeat is not None and heartbeat.get("alerts") == ["disk-pressure"]

    wait_until(listed, what="the code in the heartbeat")
