"""The hub's own capture on a real broker: what it records, and what an audit of it says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fleet.auditor.capture import line_format
from fleet.auditor.capture.line_format import Captured, Gap, GapKind
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher
from tests.support.waiting import wait_until

BEAT = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":86400}'
LEAK = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","note":"jane.roe@example.com"}'


def read_all(home: Path) -> list[Captured | Gap]:
    return [
        item
        for path in sorted((home / "capture").glob(line_format.PATTERN))
        for item in line_format.read_file(path)
    ]


def captured(home: Path, topic: str) -> list[Captured]:
    return [item for item in read_all(home) if isinstance(item, Captured) and item.topic == topic]


def audit(home: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "audit", "run", "--home", home, "-o", "json", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto):
    process = HubProcess(tmp_path / "home", broker).start()
    yield process
    process.stop()


def test_the_hub_records_known_and_unknown_topics_and_marks_its_absence(
    hub: HubProcess, broker: Mosquitto
):
    alpha = Publisher(broker, "alpha")
    alpha.publish_all("heartbeat", [BEAT, LEAK])
    alpha.publish_all("gossip", [b"\xff not text"])
    wait_until(lambda: captured(hub.home, "fleet/alpha/gossip"), what="the capture")
    assert [m.payload for m in captured(hub.home, "fleet/alpha/heartbeat")] == [BEAT, LEAK]
    assert captured(hub.home, "fleet/alpha/gossip")[0].payload == b"\xff not text"
    for path in (hub.home / "capture").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    hub.stop()
    hub.start()
    alpha.close()
    wait_until(
        lambda: any(isinstance(i, Gap) and i.kind is GapKind.HUB_DOWN for i in read_all(hub.home)),
        what="the gap",
    )
    code, report = audit(hub.home)
    rules = {finding["rule"] for finding in report["findings"]}  # type: ignore[attr-defined,index]
    assert code == 2
    assert {"pii.email", "contract.unknown-field", "contract.unknown-topic"} <= rules
    assert "jane.roe" not in json.dumps(report)


def test_a_live_audit_needs_no_hub(tmp_path: Path, broker: Mosquitto):
    alpha = Publisher(broker, "alpha")
    alpha.publish("heartbeat", LEAK, retain=True).wait_for_publish(10)
    alpha.close()
    code, report = audit(tmp_path / "none", "--live", "2", "--broker", broker.url)
    assert code == 2
    assert report["messages"] == 1


def test_a_live_audit_knows_a_command_that_is_retained_while_it_listens(
    tmp_path: Path, broker: Mosquitto
):
    found: list[tuple[int, dict[str, object]]] = []
    home = tmp_path / "none"
    listening = threading.Thread(
        target=lambda: found.append(audit(home, "--live", "4", "--broker", broker.url))
    )
    listening.start()
    hub = Publisher(broker, "alpha")
    while listening.is_alive():  # when it has subscribed nobody says: each one is a new message
        hub.publish("command", b'{"verb":"health-check"}', retain=True).wait_for_publish(10)
        listening.join(0.5)
    hub.close()
    findings: Any = found[0][1]["findings"]
    retained = [one for one in findings if one["rule"] == "traffic.retained-command"]
    assert len(retained) > 1  # the first may be what the broker kept; those after it came live
