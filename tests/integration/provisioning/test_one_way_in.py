"""Whatever the broker is, `fleet init` ends with a home in which the next lines work."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fleet.provisioning import home as homes
from fleet.provisioning.mosquitto import Plan
from fleet.settings import load
from tests.support.broker import Mosquitto, free_port
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until


def done(home: Path, *words: str, code: int = 0) -> str:
    """What `fleet WORDS` said, which nobody sits at."""
    ended = subprocess.run(
        [sys.executable, "-m", "fleet", *words], env=environment(home), text=True, timeout=60,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def watched(home: Path, folder: Path) -> None:
    """`serve` sees an agent that has nothing but what `agent add` wrote."""
    done(home, "agent", "add", "alpha", "--out", str(folder))
    given = dict(line.split("=", 1) for line in (folder / "fleet/agent.env").read_text().split())
    files = {n: v.replace("/etc/fleet", str(folder / "fleet")) for n, v in given.items()}
    url = str(load({"home": str(home)}, {}).broker)
    hub = Served(home, cast("Mosquitto", SimpleNamespace(url=url))).start()
    sidecar = Sidecar(folder / "side", files.pop("FLEET_BROKER"), "alpha", **files).start()
    try:
        wait_until(
            lambda: [one["state"] for one in hub.get("/v1/agents")["agents"]] == ["ok"],
            what="the agent",
        )
        words = ("command", "health-check", "alpha")
        assert fleet(*words, environ=hub.environ | {"FLEET_HOME": str(home)}).returncode == 0
    finally:
        sidecar.kill()
        hub.stop()


@pytest.fixture
def running(tmp_path: Path) -> ProvisionedBroker:
    """A Mosquitto of somebody's with dynamic security and an admin of its own."""
    home = tmp_path / "theirs"
    plan = Plan(home, local_port=free_port(), tls_port=free_port(), mtls_port=free_port())
    homes.create(plan, load({"home": str(home), "manager": "root"}, {}), time.time())
    return ProvisionedBroker.at(home)


def test_a_broker_that_runs_already(running: ProvisionedBroker, tmp_path: Path) -> None:
    theirs, home = running.home, tmp_path / "home"
    url = f"mqtts://localhost:{running.plan.tls_port}"
    admin = ("--admin", "root-admin", "--admin-password-file", f"{theirs}/broker/admin.password")
    with_ca = ("--broker", url, "--ca-file", f"{theirs}/ca/ca.pem")
    running.start()
    try:
        said = done(home, "broker", "secure", *with_ca, *admin)
        assert "next: fleet doctor, fleet acl test" in said
        before = (home / "fleet.toml").read_text()
        assert "everything is there already" in done(home, "init")
        assert "everything is there already" in done(home, "init", *with_ca[:1], _as_hub(url))
        assert (home / "fleet.toml").read_text() == before
        done(home, "broker", "up", code=3)
        with (home / "fleet.toml").open("a") as file:
            file.write('\n[acl]\ntrusted = ["root", "root-admin"]\n')
        assert "the broker shuts out who has no account" in done(home, "doctor", code=1)
        assert " 0 openings" in done(home, "acl", "test")
        watched(home, tmp_path / "alpha")
        env = (tmp_path / "alpha/fleet/agent.env").read_text()
        assert f"mqtts://alpha@localhost:{running.plan.tls_port}" in env
        assert "FLEET_COMMAND_KEYS" in env
        assert (tmp_path / "alpha/fleet/ca.pem").read_text() == (theirs / "ca/ca.pem").read_text()
        done(home, "agent", "revoke", "alpha")
    finally:
        running.stop()


def _as_hub(url: str) -> str:
    return url.replace("//", "//zephyr@")


def test_the_embedded_broker_to_try(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    done(home, "init", "--embedded", "--local-port", str(port))
    with (tmp_path / "broker.log").open("w+") as log:
        broker = subprocess.Popen(
            [sys.executable, "-m", "fleet", "broker", "up"], env=environment(home), stderr=log
        )
        try:
            wait_until(lambda: f":{port}" in Path(log.name).read_text(), what="the broker")
            assert "knows no rights" in done(home, "acl", "test", code=2)
            done(home, "doctor", code=1)
            watched(home, tmp_path / "alpha")
        finally:
            broker.terminate()
            broker.wait(10)
