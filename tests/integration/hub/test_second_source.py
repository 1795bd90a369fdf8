"""`fleet verify` with a real hub, a real sidecar and a real Docker engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.docker import NEEDS_ENGINE, Docker, engine
from tests.support.served import Served, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

pytestmark = NEEDS_ENGINE


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    with engine() as docker:
        yield docker


def dissents(hub: Served) -> list[str]:
    firing = hub.get("/v1/alerts")["alerts"]
    return [alert["agent"] for alert in firing if alert["code"] == "telemetry-dissent"]


def test_a_container_that_is_gone_while_the_bus_says_ok_raises_the_alert_and_its_return_ends_it(
    tmp_path: Path, broker: Mosquitto, docker: Docker
) -> None:
    pytest.importorskip("docker", reason="the docker package (extra hub) is absent")
    docker.container("brain", "sleep 600")
    home = tmp_path / "home"
    Registry(home).save(Enrolled("ada", labels={"container": "brain"}))
    hub = Served(home, broker).start()
    # What ada watches is younger than the container, as an agent within it would be.
    agent = subprocess.Popen(["sleep", "600"])
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(f"{agent.pid}\n")
    ada = Sidecar(tmp_path / "ada", broker.url, "ada", FLEET_PID_FILE=str(pid_file)).start()
    place = ("--docker", f"unix://{docker.socket}")
    try:
        wait_until(lambda: hub.get("/v1/agents/ada").get("state") == "ok", what="ada")
        well = fleet("verify", "ada", *place, environ=hub.environ)
        assert (well.returncode, dissents(hub)) == (0, []), well.stdout + well.stderr
        assert well.stdout.startswith("ada: the bus says ok; docker container brain runs")

        docker.run("kill", "brain")
        gone = fleet("verify", "ada", *place, "-o", "json", environ=hub.environ)
        assert gone.returncode == 1
        found = json.loads(gone.stdout)
        assert (found["claims"], found["running"]) == ("ok", False)
        assert found["dissent"] == ["says-alive"]
        wait_until(lambda: dissents(hub) == ["ada"], what="the alert")

        docker.run("start", "brain")
        assert fleet("verify", "ada", *place, environ=hub.environ).returncode == 0
        wait_until(lambda: dissents(hub) == [], what="its end")

        ada.kill()
        wait_until(lambda: hub.get("/v1/agents/ada")["state"] == "offline", what="a will")
        lives = fleet("verify", "ada", *place, "-o", "json", environ=hub.environ)
        assert json.loads(lives.stdout)["dissent"] == ["says-gone"]
        absent = fleet("verify", "ada", "--container", "nobody", *place, environ=hub.environ)
        assert absent.returncode == 3, "a name that nobody knows proves nothing"
        assert "there is no docker container nobody" in absent.stderr
        assert dissents(hub) == ["ada"], "nor does it end what was proven"
        away = fleet("verify", "ada", "--docker", "unix:///nowhere.sock", environ=hub.environ)
        assert (away.returncode, "Try:" in away.stderr) == (3, True)
    finally:
        ada.kill()
        hub.stop()
        agent.kill()
        agent.wait()
