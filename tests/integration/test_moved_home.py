"""A home that moves under load: the agents come back by themselves, and no alert is lost."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.broker import Mosquitto
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import Served, environment, fleet
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

AGENTS = ("alpha", "beta")
PART = 40
"""Alerts of an agent in each of three stretches: before the move, during it, and after."""

ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}


def hub_of(broker: ProvisionedBroker) -> Served:
    url = SimpleNamespace(url=str(broker.settings.broker))
    return Served(broker.home, cast("Mosquitto", url)).start()


def enrolled(broker: ProvisionedBroker, folder: Path, name: str) -> Sidecar:
    """An agent with what `fleet agent add` made for it, and nothing else."""
    done = fleet(
        "agent", "add", name, "--out", str(folder / name), environ=environment(broker.home)
    )
    assert done.returncode == 0, done.stderr
    files = folder / name / "fleet"
    url = f"mqtts://{name}@localhost:{broker.plan.tls_port}"
    return Sidecar(
        folder / f"{name}-side", url, name,
        FLEET_PASSWORD_FILE=str(files / "secret"), FLEET_CA_FILE=str(files / "ca.pem"),
        FLEET_COMMAND_KEYS=str(files / "commands.pub"),
    )  # fmt: skip


def drop(sidecar: Sidecar, part: int) -> None:
    for number in range(part * PART, (part + 1) * PART):
        sidecar.put("alert", {**ALERT, "value": number}, str(number))


def stored(home: Path) -> dict[str, set[float]]:
    """The values of every stored alert, by agent."""
    found: dict[str, set[float]] = {name: set() for name in AGENTS}
    database = sqlite3.connect(f"file:{home / 'fleet.sqlite3'}?mode=ro", uri=True)
    try:
        query = "SELECT name, payload FROM message JOIN agent ON agent.id = message.agent"
        for name, payload in database.execute(query):
            message = json.loads(payload)
            if message.get("code") == ALERT["code"] and "value" in message:
                found[name].add(message["value"])
    finally:
        database.close()
    return found


@pytest.mark.timeout(120)
def test_agents_come_back_to_the_moved_home_and_no_alert_is_lost(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    (tmp_path / "pass").touch(0o600)
    (tmp_path / "pass").write_text(os.urandom(16).hex())
    secret = ("--passphrase-file", str(tmp_path / "pass"))
    sidecars = [enrolled(provisioned, tmp_path, name).start() for name in AGENTS]
    hub = hub_of(provisioned)
    new = None
    try:
        for sidecar in sidecars:
            wait_until(sidecar.drop.is_dir, what="the drop directory")
            drop(sidecar, 0)
        wait_until(lambda: any(stored(provisioned.home).values()), what="the first alerts")
        assert hub.stop() == 0
        for sidecar in sidecars:
            drop(sidecar, 1)
        environ = environment(provisioned.home)
        done = fleet("backup", "--home", str(tmp_path / "fleet.home"), *secret, environ=environ)
        assert done.returncode == 0, done.stderr
        provisioned.stop()
        provisioned.home.rename(tmp_path / "gone")
        home = tmp_path / "elsewhere" / "home"
        done = fleet(
            "restore", "--home", str(tmp_path / "fleet.home"), "--to", str(home), *secret,
            "--broker-name", "new.example", environ=environment(tmp_path),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        for sidecar in sidecars:
            drop(sidecar, 2)
        new = ProvisionedBroker.at(home).start()
        hub = hub_of(new)
        every = {name: set(map(float, range(3 * PART))) for name in AGENTS}
        wait_until(lambda: stored(home) == every, deadline=60, what="every alert")
        agents = {one["agent"]: one for one in hub.get("/v1/agents")["agents"]}
        assert {agents[name]["state"] for name in AGENTS} <= {"ok", "degraded"}
        environ = {**hub.environ, "FLEET_HOME": str(home)}
        done = fleet("command", "health-check", "--all", environ=environ)
        assert done.returncode == 0, done.stderr  # they take what the moved keys signed
        assert fleet("home", "check", environ=environment(home)).returncode == 0
    finally:
        for sidecar in sidecars:
            sidecar.kill()
        hub.kill()
        if new is not None:
            new.stop()
