"""The demo as a newcomer runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.served import environment, fleet
from tests.support.waiting import wait_until

# Two demos at the same moment look for the same free ports.
pytestmark = pytest.mark.xdist_group("demo")


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


def test_every_step_is_observed(tmp_path: Path) -> None:
    done = fleet("demo", "--once", environ=environment(tmp_path), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not observed" not in done.stdout
    assert done.stdout.count("observed:") == 7
    assert "jane.doe" not in done.stdout


def test_taken_ports_are_passed_by_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet", "demo"],
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
