"""Rollouts as an operator carries them out: `fleet rollout` against a served hub, with agents that
are updated by their sidecars."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.machines import Machines
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

pytestmark = pytest.mark.timeout(300)
SHORT = ("--verify", "30s", "--soak", "1s", "--timeout", "60s")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder: Path = tmp_path_factory.mktemp("rollout")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    hub = WorkHub(served)
    hub.enrol(Enrolled("ada", groups=("red",)), Enrolled("bob", groups=("red",)))
    made = Machines(folder / "machines", hub, "ada", "bob").start()
    yield made
    made.stop()
    served.stop()
    broker.stop()


def call(machines: Machines, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = fleet("rollout", *words, environ=machines.hub.served.environ, timeout=180)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def known(machines: Machines, version: str) -> None:
    def told() -> bool:
        found = machines.hub.done("GET", "/v1/agents", "viewer")["agents"]
        return len(found) == 2 and all(
            a["enrolled"] and (a["versions"] or {}).get("agent") == version for a in found
        )

    wait_until(told, 120, f"both at {version}")


def test_a_rollout_is_planned_started_watched_and_taken_back(machines: Machines) -> None:
    known(machines, "1.0")
    asked = ("create", "--to", "2.0", "--group", "red", "--waves", "1,100%", *SHORT)
    dry = call(machines, *asked, "--dry-run")
    assert "nothing was kept" in dry.stderr
    assert "2 queued" in dry.stdout
    assert "no rollout" in call(machines, "list").stderr
    made = call(machines, *asked)
    id_ = made.stdout.splitlines()[-1]
    assert f"fleet rollout start {id_}" in made.stderr
    assert "nothing was begun" in call(machines, "start", id_, "--dry-run").stderr
    assert "is running" in call(machines, "start", id_).stderr
    watched = call(machines, "status", "-w", id_)
    assert "2 committed" in watched.stdout
    assert {one.agent.runs for one in machines.each.values()} == {"2.0"}
    listed = json.loads(call(machines, "list", "-o", "json").stdout)["rollouts"]
    assert [(one["id"], one["state"]) for one in listed] == [(id_, "completed")]
    known(machines, "2.0")
    call(machines, "rollback", id_)
    back = call(machines, "status", "-w", id_, code=1)  # a rollback is no success
    assert "2 rolled-back" in back.stdout
    assert {one.agent.runs for one in machines.each.values()} == {"1.0"}


def test_what_cannot_be_asked_is_told_with_what_can(machines: Machines) -> None:
    for words, told in (
        (("create", "--to", "-rf"), "it is not up to 32"),
        (("create", "--to", "2.0", "--waves", "1"), "Try: --waves 1,100%"),
        (("create", "--to", "2.0", "--abort", "20"), "Try: --abort 20%:2"),
        (("create", "--to", "2.0", "--group", "nobodys"), "no agent fits"),
        (("create", "--to", "2.0", "--agent", "nobody"), "no agent nobody is enrolled"),
        (("status", "x"), "is no id of a rollout"),
        (("start", "01KB5QZ2M4W3J8X7V6T5S4R3Q2"), "there is no rollout"),
    ):
        done = call(machines, *words, code=3)
        assert told in done.stderr, (words, done.stderr)
        assert "Try:" in done.stderr
