"""`agent-sidecar exec` under SIGKILL: nobody is left, and there are never two agents.

Who is left is read off the process table.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.supervise.process_tree import ProcessTree
from agent_sidecar.supervise.supervisor import Supervisor
from fleet.contract.errors import FleetError
from tests.support.broker import Mosquitto
from tests.support.processes import alive, mentioning
from tests.support.supervised_agent import SupervisedAgent
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[SupervisedAgent]:
    supervised = SupervisedAgent(tmp_path / "home")
    yield supervised
    supervised.clear()


VICTIMS = ("supervisor", "sidecar", "agent", "watchdog")


def kill(
    supervised: SupervisedAgent, supervisor: int, agent: int, victims: tuple[str, ...]
) -> None:
    pids = {
        "supervisor": supervisor,
        "agent": agent,
        "sidecar": supervised.sidecar() if "sidecar" in victims else 0,
        "watchdog": supervised.watchdog(supervisor) if "watchdog" in victims else 0,
    }
    for victim in victims:
        os.kill(pids[victim], signal.SIGKILL)


@pytest.mark.parametrize(
    "victims",
    [
        ("supervisor",),
        ("sidecar", "supervisor"),
        ("agent", "supervisor"),
        ("supervisor", "agent"),
        ("sidecar", "agent", "supervisor"),
    ],
    ids="+".join,
)
def test_who_kills_the_supervisor_ends_all(
    supervised: SupervisedAgent, victims: tuple[str, ...]
) -> None:
    supervisor = supervised.start()
    agent = supervised.wait_agent(1)
    supervised.sidecar()
    kill(supervised, supervisor.pid, agent, victims)
    supervisor.wait(20)
    supervised.wait_nobody()


@pytest.mark.parametrize(
    "victims",
    [("watchdog", "supervisor"), ("supervisor", "watchdog"), VICTIMS, VICTIMS[::-1]],
    ids="+".join,
)
def test_what_no_watchdog_could_end_the_next_supervisor_ends(
    supervised: SupervisedAgent, victims: tuple[str, ...]
) -> None:
    supervisor = supervised.start()
    agent = supervised.wait_agent(1)
    kill(supervised, supervisor.pid, agent, victims)
    supervisor.wait(20)
    wait_until(lambda: not alive(agent), what="the agent's end by its parent's")
    left = set(mentioning(supervised.folder))
    second = supervised.start()
    supervised.wait_agent(2)
    assert not left & set(mentioning(supervised.folder)), "children of the first agent"
    second.kill()
    second.wait(20)
    supervised.wait_nobody()


@pytest.mark.timeout(240)
def test_whoever_is_killed_twenty_times_over_there_are_never_two_agents(
    supervised: SupervisedAgent,
) -> None:
    """As under a service manager that starts the supervisor again at once."""
    chance = random.Random(20261128)
    supervisor = supervised.start("--no-sidecar")
    agents = 1
    for _ in range(20):
        agent = supervised.wait_agent(agents)
        victims = tuple(chance.sample(("supervisor", "agent", "watchdog"), chance.randint(1, 3)))
        kill(supervised, supervisor.pid, agent, victims)
        if "supervisor" in victims:
            supervisor.wait(20)
            supervisor = supervised.start("--no-sidecar")
        if victims != ("watchdog",):
            agents += 1
        assert supervised.never_two()
    supervised.wait_agent(agents)
    supervised.watchdog(supervisor.pid)  # it was replaced, if it was the last victim
    supervisor.kill()
    supervisor.wait(20)
    supervised.wait_nobody()


def test_a_supervisor_killed_at_any_moment_of_its_start_leaves_nobody(
    supervised: SupervisedAgent,
) -> None:
    for step in range(20):
        process = supervised.start("--no-sidecar")
        time.sleep(0.025 * step)  # any moment will do: there is nothing to wait for
        process.kill()
        process.wait(20)
    supervised.wait_nobody()


def test_a_second_supervisor_of_the_same_agent_is_refused(supervised: SupervisedAgent) -> None:
    first = supervised.start("--no-sidecar")
    supervised.wait_agent(1)
    second = supervised.start("--no-sidecar")
    assert second.wait(30) == 3
    assert f"another agent-sidecar exec is at work in {supervised.folder}" in supervised.log
    assert f"process {first.pid} holds its lock" in supervised.log
    assert first.poll() is None
    assert len(supervised.agents()) == 1


def test_a_copy_of_the_state_directory_leaves_the_agent_alone(
    supervised: SupervisedAgent, tmp_path: Path
) -> None:
    """On the same machine, with `cp -a`: the lock is another file there."""
    first = supervised.start("--no-sidecar")
    agent = supervised.wait_agent(1)
    copy = tmp_path / "copy"
    shutil.copytree(supervised.folder, copy)
    argv = [sys.executable, "-m", "agent_sidecar", "exec", "--no-sidecar", "--", "true"]
    done = subprocess.run(
        argv, env={**supervised.environ, "FLEET_HOME": str(copy)}, capture_output=True, text=True,
        timeout=40, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"process {agent} is left alone" in done.stderr
    assert alive(agent)
    assert first.poll() is None
    assert supervised.agents() == [agent]


def test_a_killed_sidecar_is_replaced_beside_the_same_agent(supervised: SupervisedAgent) -> None:
    supervisor = supervised.start()
    supervised.wait_agent(1)
    first = supervised.sidecar()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervised.sidecar() != first, what="another sidecar")
    assert len(supervised.agents()) == 1
    supervisor.kill()
    supervisor.wait(20)
    supervised.wait_nobody()


def test_what_cannot_be_ended_lets_no_second_agent_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under sudo: the agent of another user, whose supervisor was killed."""
    monkeypatch.setattr(ProcessTree, "end_all", lambda *_args, **_flags: [4711])
    supervisor = Supervisor(("touch", str(tmp_path / "started")), tmp_path / "exec", tmp_path / "p")
    with pytest.raises(FleetError) as caught:
        supervisor.run()
    assert "4711" in caught.value.why
    assert caught.value.remedy == "sudo kill -9 4711"
    assert not (tmp_path / "started").exists()


def test_a_killed_watchdog_is_replaced(supervised: SupervisedAgent) -> None:
    supervisor = supervised.start("--no-sidecar")
    supervised.wait_agent(1)
    first = supervised.watchdog(supervisor.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervised.watchdog(supervisor.pid) != first, what="another watchdog")
    supervisor.kill()
    supervisor.wait(20)
    supervised.wait_nobody()


def test_an_agent_that_goes_into_the_background_is_not_left_there(
    supervised: SupervisedAgent,
) -> None:
    script = f"setsid {shutil.which('sleep')} 600 & : >{supervised.folder}/ready"
    argv = [*supervised.argv("--no-sidecar")[:5], "--", "sh", "-c", script]
    done = subprocess.run(argv, env=supervised.environ, timeout=40, check=False)
    assert done.returncode == 0
    assert (supervised.folder / "ready").exists()
    assert mentioning(supervised.folder) == {}


def test_the_fleet_hears_of_a_killed_supervisor_by_the_will(
    tmp_path: Path, broker: Mosquitto
) -> None:
    supervised = SupervisedAgent(tmp_path / "home", broker.url)
    with (tmp_path / "heard").open("wb") as out:
        listening = subprocess.Popen(
            ["mosquitto_sub", "-p", str(broker.port), "-t", "fleet/alpha/status", "-F", "%p"],
            stdout=out,
        )

    def last() -> dict[str, Any]:
        lines = (tmp_path / "heard").read_text().splitlines()
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return found

    def at_work() -> bool:
        return last().get("state") not in (None, "offline")

    try:
        supervisor = supervised.start()
        supervised.wait_agent(1)
        wait_until(at_work, what="the birth")
        born = last()["boot"]
        supervisor.kill()
        supervisor.wait(20)
        wait_until(lambda: last().get("state") == "offline", what="the will")
        assert last()["boot"] == born
        assert "seq" not in last(), "its own goodbye is numbered, a will is not"
        supervised.wait_nobody()
        supervised.start()
        wait_until(at_work, what="the next birth")
        assert last()["boot"] > born
    finally:
        listening.terminate()
        listening.wait(10)
        supervised.clear()
