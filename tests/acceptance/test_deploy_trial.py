"""The accounts and rights of the compose file suffice for hub and sidecar, and for no more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.one_liner import run
from tests.support.other_user import as_root
from tests.support.sidecar import stand_in
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
pytestmark = as_root


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with the configuration of the compose file and accounts made by its script."""
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path)
    subprocess.run(
        ["sh", tmp_path / "secrets.sh", "alpha", "beta"], check=True, capture_output=True
    )
    for secret in (tmp_path / "secrets").iterdir():
        os.chown(secret, os.geteuid(), os.getegid())
    shutil.copy(tmp_path / "secrets" / "accounts", tmp_path / "accounts")
    subprocess.run(["mosquitto_passwd", "-U", tmp_path / "accounts"], check=True)
    shutil.copy(ROOT / "mosquitto" / "accounts.acl", tmp_path)
    (tmp_path / "accounts.acl").chmod(0o600)
    text = (ROOT / "mosquitto" / "accounts.conf").read_text()
    text = re.sub(r"(/mosquitto/config|/mosquitto/data|/tmp)/", f"{tmp_path}/", text)
    ours = r"^(listener|allow_anonymous|persistence|persistence_location|sys_interval) .*$"
    lines = re.sub(ours, "", text, flags=re.MULTILINE).splitlines()
    broker = Mosquitto(tmp_path / "broker", lines, anonymous=False).start()
    yield broker
    broker.stop()


@pytest.fixture
def settings(trial: Mosquitto, tmp_path: Path) -> dict[str, dict[str, str]]:
    """The environment of the hub's and of the sidecar's container."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    base |= {"PYTHONPATH": str(ROOT), "FLEET_BROKER": trial.url}
    return {
        "hub": base
        | {
            "FLEET_HOME": str(tmp_path / "hub"),
            "FLEET_BROKER": trial.url.replace("//", "//zephyr@"),
            "FLEET_PASSWORD_FILE": str(tmp_path / "secrets" / "zephyr"),
        },
        "sidecar": base
        | {
            "FLEET_HOME": str(tmp_path / "sidecar"),
            "FLEET_AGENT": "alpha",
            "FLEET_PASSWORD_FILE": str(tmp_path / "secrets" / "alpha"),
            "FLEET_DROP": str(tmp_path / "drop"),
            "FLEET_KIND": "generic",
            "FLEET_PID_FILE": stand_in(tmp_path),
        },
    }


@pytest.fixture
def sidecar(settings: dict[str, dict[str, str]], tmp_path: Path) -> Iterator[None]:
    with (tmp_path / "sidecar.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent_sidecar", "run"],
            env=settings["sidecar"],
            stdout=log,
            stderr=log,
        )
    yield
    process.terminate()
    process.wait(15)


def fleet(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fleet", *words],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )


@pytest.mark.usefixtures("sidecar")
def test_the_hub_sees_and_commands_the_agent(
    settings: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    def seen() -> bool:
        answer = fleet("status", "-o", "json", env=settings["hub"])
        agents = json.loads(answer.stdout)["agents"] if answer.stdout else []
        return any(agent["agent"] == "alpha" and agent["state"] == "ok" for agent in agents)

    wait_until(seen, what="alpha in the roster")
    answer = fleet("command", "health-check", "alpha", env=settings["hub"])
    assert answer.returncode == 0, answer.stderr
    assert " done " in answer.stdout


def test_an_agent_may_not_speak_for_another(trial: Mosquitto, tmp_path: Path) -> None:
    answer = run(
        "heartbeat",
        home=tmp_path,
        FLEET_AGENT="beta",
        FLEET_DROP="-",
        FLEET_BROKER=trial.url.replace("//", "//alpha@"),
        FLEET_PASSWORD_FILE=str(tmp_path / "secrets" / "alpha"),
    )
    assert answer.returncode == 3
    assert answer.stderr.startswith("the broker denies ")
