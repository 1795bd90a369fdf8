"""Which package an OpenClaw gateway runs from: as its workers say, since its own title hides it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.kinds.openclaw_health import channels
from agent_sidecar.kinds.openclaw_program import Program
from agent_sidecar.probes.channels import Channels
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "node_modules/openclaw"
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "openclaw", "version": "2026.9.6"}))
    return folder


@pytest.fixture
def worker(package: Path) -> Iterator[int]:
    argv = [sys.executable, "-c", "import time; time.sleep(60)", str(package / "dist/worker.js")]
    with subprocess.Popen(argv) as process:
        yield process.pid
        process.kill()


def test_an_update_in_place_is_seen_on_the_disk(package: Path, worker: int, tmp_path: Path) -> None:
    program = Program(lambda: worker, tmp_path, tmp_path / "openclaw.json")
    assert wait_until(program.package, what="its command line") == package
    assert program.installed() == "2026.9.6"
    (package / "package.json").write_text(json.dumps({"name": "openclaw", "version": "2026.9.7"}))
    assert program.installed() == "2026.9.7"
    for other in ({"name": "other", "version": "1"}, {"name": "openclaw", "version": "a secret"}):
        (package / "package.json").write_text(json.dumps(other))
        assert program.installed() is None


def test_what_is_not_seen_is_not_asked(tmp_path: Path) -> None:
    program = Program(lambda: None, tmp_path, tmp_path / "openclaw.json")
    assert program.package() is program.installed() is program.ask("cron") is None
    assert program.accepts() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's process")
def test_the_command_line_of_another_users_gateway_is_never_run(
    package: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    (package / "openclaw.mjs").write_text(f"touch {ran}\n")
    argv = ["/bin/sh", "-c", "read line", str(package / "dist/worker.js")]
    for user in (65_534, 0):
        with subprocess.Popen(argv, stdin=subprocess.PIPE, user=user) as process:
            program = Program(lambda pid=process.pid: pid, tmp_path, tmp_path / "openclaw.json")
            wait_until(program.package, what="its command line")
            assert program.ask("cron", "list") is None
            process.kill()
        assert ran.exists() is (user == 0), "its own user's is run"


@pytest.mark.parametrize("word", ["startup-sidecars", "gateway-draining", "agent-database:main"])
def test_the_gateways_own_reasons_say_nothing_of_channels(word: str) -> None:
    assert channels({"ready": False, "failing": [word]}) is None
    assert channels({"ready": False, "failing": ["telegram", 5]}) == Channels(2)
