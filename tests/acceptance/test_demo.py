"""The demo as a newcomer runs it, on a machine with Mosquitto and on one without."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.bus.local_broker import CAUTION
from tests.support.no_mosquitto import without_mosquitto
from tests.support.served import environment
from tests.support.waiting import wait_until

# A demo is thirteen processes: one at a time.
pytestmark = pytest.mark.xdist_group("demo")

STEPS = 8

DEMO = [sys.executable, "-m", "fleet", "demo"]


@pytest.fixture(params=["Mosquitto", "embedded iotcore"])
def broker(request: pytest.FixtureRequest) -> str:
    """What the demo is to find to run on."""
    name: str = request.param
    return name


def demo(broker: str, *arguments: str) -> list[str]:
    command = [*DEMO, *arguments]
    return command if broker == "Mosquitto" else without_mosquitto(command)


def children_of(session: int) -> list[int]:
    """Processes whose command line names this demo's temporary folder or that it started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == session:
                found.append(int(entry.name))
    return found


def test_every_step_is_observed_and_says_how_long_it_took(broker: str, tmp_path: Path) -> None:
    done = subprocess.run(
        demo(broker, "--once"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not observed" not in done.stdout
    seen = re.findall(r"^  observed: .* \(\d+\.\d s\)$", done.stdout, re.MULTILINE)
    assert len(seen) == STEPS
    assert f"1. a broker: {broker} " in done.stdout
    assert (CAUTION in done.stdout) == (broker != "Mosquitto")
    assert "jane.doe" not in done.stdout


def test_a_swarm_of_plain_programs_shares_a_job_and_its_answer_is_right(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "swarm", "--once"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not observed" not in done.stdout
    seen = re.findall(r"^  observed: .* \(\d+\.\d s\)$", done.stdout, re.MULTILINE)
    assert len(seen) == 7
    assert "84 words; most often: the, 24 times" in done.stdout
    parts = re.search(r"handed on: (.*) \(", done.stdout)
    assert parts
    assert sum(int(number) for number in re.findall(r"(\d+) to", parts[1])) == 3


def test_taken_ports_are_passed_by_and_ctrl_c_leaves_nothing(broker: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        process = subprocess.Popen(
            demo(broker),
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "the fleet now" in line:
                    break
            children = wait_until(lambda: children_of(process.pid))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    for child in children:
        wait_until(lambda child=child: not alive(child), what=f"the end of {child}")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
