"""A sidecar in a PID namespace of its own, as in a container beside the agent's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, free_port
from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until

APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def allowed() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not allowed(), reason="needs root and PID namespaces")


@pytest.fixture
def agent() -> Iterator[int]:
    """A living process that only this machine's first namespace shows."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def hub(broker: Mosquitto) -> Iterator[Listener]:
    listener = Listener(broker.port).start()
    yield listener
    listener.stop()


@pytest.mark.parametrize("numbered", ["as here", "as process 1 of its container"])
def test_what_cannot_be_seen_is_unknown_and_not_dead(
    tmp_path: Path, broker: Mosquitto, hub: Listener, agent: int, numbered: str
) -> None:
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(str(agent if numbered == "as here" else 1))
    sidecar = Sidecar(tmp_path / "s", broker.url, FLEET_PID_FILE=str(pid_file))
    sidecar.start(*APART)
    try:
        beat = hub.wait("heartbeat", 3)
    finally:
        sidecar.kill()
    assert beat["checks"]["process"] == "unknown"
    assert "uptime" not in beat
    assert hub.all("alert", code="process-down") == []


def test_check_says_what_is_not_visible_and_the_ways(
    tmp_path: Path, broker: Mosquitto, agent: int
) -> None:
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(str(agent))
    endpoint = f"http://127.0.0.1:{free_port()}/health"
    settings = {"FLEET_PID_FILE": str(pid_file), "FLEET_ENDPOINT": endpoint}
    sidecar = Sidecar(tmp_path / "s", broker.url, **settings)
    (tmp_path / "s").mkdir(exist_ok=True)
    words = [sys.executable, "-m", "agent_sidecar", "check"]

    def check(*before: str) -> str:
        done = subprocess.run(
            [*before, *words], env=sidecar.environ, capture_output=True, text=True, timeout=60,
            check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = check(*APART)
    assert "unseen  this container holds the sidecar alone" in told
    for way in ("service:AGENT", "shareProcessNamespace", "FLEET_CONTAINER", "FLEET_ENDPOINT"):
        assert way in told
    assert "probe   process (process): unknown" in told
    assert "because 127.0.0.1 is this container's own" in told
    beside = check()
    assert "unseen" not in beside
    assert "because" not in beside


def test_a_death_in_one_namespace_is_still_a_death(
    tmp_path: Path, broker: Mosquitto, hub: Listener
) -> None:
    """The sidecar is process 1 and the agent its sibling: seen once, it is gone once it is gone."""
    end, pid_file = tmp_path / "end", tmp_path / "agent.pid"
    agent = f"until [ -e {end} ]; do sleep 0.1; done"
    start = f'{{ {agent}; }} & echo $! >{pid_file}; exec "$@"'
    sidecar = Sidecar(tmp_path / "s", broker.url, FLEET_PID_FILE=str(pid_file))

    def passed() -> bool:
        return any(beat["checks"].get("process") == "pass" for beat in hub.all("heartbeat"))

    sidecar.start(*APART, "sh", "-c", start, "sh")
    try:
        wait_until(passed, what="a look at the agent")
        end.touch()
        hub.wait("alert", code="process-down", state="firing")
    finally:
        sidecar.kill()
