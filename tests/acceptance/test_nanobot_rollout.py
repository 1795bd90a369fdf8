"""The real nanobot goes from 0.3.0 to 0.3.5 and back, each in its own environment, by a rollout.

Its sidecar tells the version that runs, and the hub believes nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.installed_agents import installed, needs
from tests.support.nanobot import Nanobot
from tests.support.served import Served
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

pytestmark = [
    needs("nanobot-0.3.0"),
    needs("nanobot-0.3.5"),
    pytest.mark.xdist_group("agents"),  # 100 MB each
    pytest.mark.timeout(600),
]
LONG = 240.0

RESTART = """#!/bin/sh
[ -f {home}/pid ] && kill "$(cat {home}/pid)" && tail --pid="$(cat {home}/pid)" -f /dev/null
export HOME={home} NO_PROXY=127.0.0.1
cd {home} || exit 1
setsid {opt}/current/bin/nanobot gateway --foreground </dev/null >>{home}/log 2>&1 &
echo $! > {home}/pid
"""


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
def home(tmp_path: Path) -> Iterator[Path]:
    """nanobot 0.3.0, started by the script that restarts it."""
    home, opt = tmp_path / "home", tmp_path / "opt"
    home.mkdir()
    Nanobot(home)  # writes its configuration, and is not started
    (opt / "versions").mkdir(parents=True)
    for version in ("0.3.0", "0.3.5"):
        (opt / "versions" / version).symlink_to(str(installed(f"nanobot-{version}")))
    (opt / "current").symlink_to("versions/0.3.0")
    restart = home / "restart"
    restart.write_text(RESTART.format(home=home, opt=opt))
    restart.chmod(0o755)
    subprocess.run([str(restart)], check=True)
    yield home
    os.kill(int((home / "pid").read_text()), signal.SIGTERM)


def beside(home: Path, hub: WorkHub, folder: Path) -> Sidecar:
    """Its sidecar, which works."""
    work = folder / "work.toml"
    work.write_text(
        'plain_http = true\npoll = 1\n[update]\ntype = "nanobot"\nallow = ["0.3.*"]\n'
        f'folder = "{folder / "opt"}"\nrestart = ["{home / "restart"}"]\n'
    )
    token = folder / "token"
    token.write_text(hub.served.tokens["alpha"])
    for path in (work, token):
        path.chmod(0o600)
    return Sidecar(
        folder / "side", hub.served.environ["FLEET_BROKER"],
        FLEET_KIND="nanobot", FLEET_AGENT_HOME=str(home / ".nanobot"), FLEET_DISK="-",
        FLEET_MEMORY="-",
        FLEET_HUB=hub.served.url, FLEET_TOKEN_FILE=str(token), FLEET_WORK=str(work),
    )  # fmt: skip


def test_a_gateway_is_updated_in_its_own_environment_and_brought_back(
    hub: WorkHub, home: Path, tmp_path: Path
) -> None:
    def runs(version: str) -> bool:
        found = hub.ask("GET", "/v1/agents/alpha", "viewer")[1]
        return (found.get("versions") or {}).get("agent") == version and found["state"] == "ok"

    (tmp_path / "side").mkdir()
    sidecar = beside(home, hub, tmp_path).start()
    try:
        wait_until(lambda: runs("0.3.0"), LONG, "0.3.0 at the hub")
        id_ = hub.new_id()
        body = {"id": id_, "version": "0.3.5", "kind": "nanobot"}
        times = {"verify": LONG, "soak": 2, "timeout": LONG}
        hub.done("POST", "/v1/rollouts", "operator", body | times)
        hub.done("POST", f"/v1/rollouts/{id_}/start", "operator")

        def state() -> str:
            (one,) = hub.done("GET", f"/v1/rollouts/{id_}", "viewer")["agents"]
            assert one["state"] not in ("rolled-back", "rejected", "timed-out", "rollback-failed")
            return str(one["state"])

        wait_until(lambda: state() == "committed", LONG, "0.3.5")
        wait_until(lambda: runs("0.3.5"), LONG, "0.3.5 at the hub")
        hub.done("POST", f"/v1/rollouts/{id_}/rollback", "operator")

        def back() -> bool:
            (one,) = hub.done("GET", f"/v1/rollouts/{id_}", "viewer")["agents"]
            assert one["state"] != "rollback-failed"
            return bool(one["state"] == "rolled-back")

        wait_until(back, LONG, "the way back")
        wait_until(lambda: runs("0.3.0"), LONG, "0.3.0 at the hub again")
    finally:
        sidecar.stop()
