"""What the agent says of itself through the drop, beside what the sidecar measures."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sidecar import Listener, Sidecar

TS = "2027-01-15T08:00:00Z"
DEGRADED = {"state": "degraded", "ts": TS}


def reload(sidecar: Sidecar) -> None:
    sidecar.signal(signal.SIGHUP)


def restart(sidecar: Sidecar) -> None:
    sidecar.stop()
    sidecar.start()


@pytest.mark.parametrize("again", [reload, restart])
def test_its_own_state_holds_over_a_new_session(
    hub: Listener, sidecar: Sidecar, again: Callable[[Sidecar], None]
) -> None:
    sidecar.start()
    born = hub.wait("status", state="running")
    sidecar.put("status", DEGRADED)
    hub.wait("status", state="degraded")
    again(sidecar)
    hub.wait("status", count=2, state="running")
    later = hub.wait("status", count=2, state="degraded")
    assert later["boot"] > born["boot"]


def test_its_own_status_keeps_what_the_sidecar_knows(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    full = hub.wait("status", state="running")
    sidecar.put("status", {**DEGRADED, "versions": {"agent": "9.1"}})
    told = hub.wait("status", state="degraded")
    assert told["versions"] == {**full["versions"], "agent": "9.1"}
    assert told["kind"] == full["kind"]
    assert told["checks"].keys() == full["checks"].keys()


def test_a_measured_uptime_is_not_overwritten(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    sidecar.settings["FLEET_PID_FILE"] = str(pid_file)
    sidecar.start()
    measured = hub.wait("heartbeat")["uptime"]
    sidecar.put("heartbeat", {"ok": True, "ts": TS, "uptime": 9_999_999})
    assert hub.wait("heartbeat", ts=TS)["uptime"] < measured + 60


def test_a_sidecar_that_watches_nothing_says_so(hub: Listener, sidecar: Sidecar) -> None:
    del sidecar.settings["FLEET_PID_FILE"]
    sidecar.start()
    assert hub.wait("heartbeat")["checks"]["process"] == "unknown"
    sidecar.put("heartbeat", {"ok": True, "ts": TS})
    told = hub.wait("heartbeat", ts=TS)
    assert "process" not in told["checks"], "its own word takes the place of watching nothing"
