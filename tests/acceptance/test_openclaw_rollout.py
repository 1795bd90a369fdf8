"""The real OpenClaw goes from 2026.9.5 to 2026.9.6 by a rollout, back with its state, and is
brought back from a version that there is not.

Each start takes it some 40 s of processor time, so this runs where `--all-releases` was asked for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.installed_agents import installed, needs
from tests.support.real_agents import OpenClaw
from tests.support.served import Served
from tests.support.sidecar import Sidecar
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

BEFORE, NEWEST, NO_VERSION = "2026.9.5", "2026.9.6", "2026.9.99"
pytestmark = [
    needs(f"openclaw-{NEWEST}"),
    pytest.mark.skipif(
        installed(f"openclaw-{BEFORE}") is None,
        reason=f"openclaw-{BEFORE} is not installed; sh scripts/agents.sh --all-releases does it",
    ),
    pytest.mark.xdist_group("agents"),
    pytest.mark.timeout(1500),
]
LONG = 400.0

STOP = """
if [ -f {home}/pid ] && kill "$(cat {home}/pid)" 2>/dev/null; then
    tail --pid="$(cat {home}/pid)" -f /dev/null
fi
"""
RESTART = f"""#!/bin/sh
{STOP}
export HOME={{home}} NO_PROXY=127.0.0.1 HTTPS_PROXY=http://127.0.0.1:9
export PATH={{opt}}/current/lib/node_modules/.bin:$PATH
cd {{home}} || exit 1
setsid openclaw gateway run </dev/null >>{{home}}/agent.log 2>&1 &
echo $! > {{home}}/pid
"""
SAVE = """#!{python}
import shutil, sqlite3, sys
from pathlib import Path
home, snapshot = Path("{home}/.openclaw"), Path(sys.argv[1])
shutil.rmtree(snapshot / "state", ignore_errors=True)
def copy(source, to):
    if not source.endswith((".sqlite", ".sqlite-wal", ".sqlite-shm")):
        shutil.copy2(source, to)
    elif source.endswith(".sqlite"):
        with sqlite3.connect(source) as one, sqlite3.connect(to) as other:
            one.backup(other)
try:
    shutil.copytree(home, snapshot / "state", symlinks=True, copy_function=copy,
                    ignore=shutil.ignore_patterns("*.lock", "tmp"))
except shutil.Error as error:  # it runs: what it made for a moment may be gone
    if not all("No such file" in str(why) for _, _, why in error.args[0]):
        raise
"""
RESTORE = f"""#!/bin/sh
{STOP}
rm -rf {{home}}/.openclaw && cp -a "$1/state" {{home}}/.openclaw
"""


class Machine:
    """A gateway under `opt/current`, and its sidecar."""

    def __init__(self, folder: Path, hub: WorkHub, model: int) -> None:
        self.home, self.opt = folder / "home", folder / "opt"
        self.home.mkdir()
        written = OpenClaw(BEFORE, self.home, model).settings  # it is not started
        text = written.read_text()  # the messenger refuses its token, which makes it degraded
        written.write_text(text.replace('"enabled": true', '"enabled": false', 1))
        for version in (BEFORE, NEWEST):
            lib = self.opt / "versions" / version / "lib"
            lib.mkdir(parents=True)
            (lib / "node_modules").symlink_to(f"{installed(f'openclaw-{version}')}/node_modules")
        (self.opt / "current").symlink_to(f"versions/{BEFORE}")
        for name, text in (("restart", RESTART), ("save", SAVE), ("restore", RESTORE)):
            path = self.home / name
            path.write_text(text.format(home=self.home, opt=self.opt, python=sys.executable))
            path.chmod(0o755)
        (self.home / ".npmrc").write_text("registry=http://127.0.0.1:9/\nfetch-retries=0\n")
        self.sidecar = self._beside(folder, hub)

    def _beside(self, folder: Path, hub: WorkHub) -> Sidecar:
        work, token = folder / "work.toml", folder / "token"
        work.write_text(
            f'plain_http = true\npoll = 1\n[update]\ntype = "openclaw"\nallow = ["2026.9.*"]\n'
            f'folder = "{self.opt}"\nrestart = ["{self.home}/restart"]\nrollback = "state"\n'
            f'snapshot = ["{self.home}/save", "{{snapshot}}"]\n'
            f'restore = ["{self.home}/restore", "{{snapshot}}"]\n'
        )
        token.write_text(hub.served.tokens["alpha"])
        for path in (work, token):
            path.chmod(0o600)
        (folder / "side").mkdir()
        return Sidecar(
            folder / "side", hub.served.environ["FLEET_BROKER"],
            FLEET_KIND="openclaw", FLEET_AGENT_HOME=str(self.home / ".openclaw"), FLEET_DISK="-",
            FLEET_MEMORY="-", FLEET_ENDPOINT_TIMEOUT="5", HOME=str(self.home),
            FLEET_HUB=hub.served.url, FLEET_TOKEN_FILE=str(token), FLEET_WORK=str(work),
        )  # fmt: skip

    def kill(self) -> None:
        with suppress(OSError, ValueError):
            os.killpg(int((self.home / "pid").read_text()), signal.SIGKILL)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[WorkHub]:
    broker = Mosquitto(tmp_path / "broker").start()
    served = Served(tmp_path / "hub", broker).start()
    made = WorkHub(served)
    made.enrol(Enrolled("alpha", groups=("red",)))
    yield made
    served.stop()
    broker.stop()


@pytest.fixture
def machine(hub: WorkHub, tmp_path: Path) -> Iterator[Machine]:
    with StubModel() as model:
        made = Machine(tmp_path, hub, model.port)
        subprocess.run([str(made.home / "restart")], check=True)
        made.sidecar.start()
        yield made
        made.sidecar.stop()
        made.kill()


def test_a_gateway_is_updated_brought_back_with_its_state_and_from_what_there_is_not(
    hub: WorkHub, machine: Machine
) -> None:
    def runs(version: str) -> bool:
        found = hub.ask("GET", "/v1/agents/alpha", "viewer")[1]
        return (found.get("versions") or {}).get("agent") == version and found["state"] == "ok"

    def asked(version: str) -> str:
        id_ = hub.new_id()
        times = {"verify": LONG, "soak": 2, "timeout": LONG}
        hub.done("POST", "/v1/rollouts", "operator", {"id": id_, "version": version} | times)
        hub.done("POST", f"/v1/rollouts/{id_}/start", "operator")
        return id_

    def ended(id_: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            (one,) = hub.done("GET", f"/v1/rollouts/{id_}", "viewer")["agents"]
            ends = ("committed", "rolled-back", "rejected", "timed-out", "rollback-failed")
            assert one["state"] not in ends or one["state"] in (state, "committed"), (
                str(one) + machine.sidecar.log.read_text()
            )
            return one if one["state"] == state else None

        return wait_until(look, LONG, f"{state}: {machine.sidecar.log}")

    wait_until(lambda: runs(BEFORE), LONG, "2026.9.5 at the hub")
    id_ = asked(NEWEST)
    ended(id_, "committed")
    assert runs(NEWEST)
    hub.done("POST", f"/v1/rollouts/{id_}/rollback", "operator")
    ended(id_, "rolled-back")
    wait_until(lambda: runs(BEFORE), LONG, "2026.9.5 on its own databases again")
    told = ended(asked(NO_VERSION), "rolled-back")
    assert (told["reason"], told["reached"]) == ("rolled-back", "installing")
    assert "2026.9.5 runs" in machine.sidecar.log.read_text()
    wait_until(lambda: runs(BEFORE), LONG, "2026.9.5 after a version that there is not")
