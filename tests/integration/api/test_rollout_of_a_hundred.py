"""A rollout over a hundred agents of a real hub and broker, a fifth of which does not work with the
new version: it ends by itself, and nobody is left with it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.served import Served
from tests.support.simulated_sidecars import OLD, SimulatedSidecars
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

LONG = 400.0
MOST = 10
"""Agents that may fail: a tenth of all, and a tenth of those that have ended, once ten have."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1])
def test_of_a_hundred_at_most_the_threshold_is_touched_and_all_go_back(
    tmp_path: Path, broker: Mosquitto, seed: int
) -> None:
    agents = [f"a{number:03}" for number in range(100)]
    bad = random.Random(seed).sample(agents, 20)
    hub = WorkHub(Served(tmp_path / "home", broker).start())
    hub.enrol(*(Enrolled(name, groups=("red",)) for name in agents))
    sidecars = SimulatedSidecars(hub, broker, agents, bad)
    try:
        sidecars.start()

        def known() -> bool:
            found = hub.done("GET", "/v1/agents", "viewer")["agents"]
            return sum(
                one["enrolled"] and one["checks"].get("work") == "pass" and bool(one["versions"])
                for one in found
            ) == len(agents)

        wait_until(known, LONG, "what runs everywhere")
        id_ = hub.new_id()
        plan = {
            "id": id_, "version": "2.0", "waves": "5,25%,100%", "max_unavailable": 20,
            "abort": f"{MOST}%:{MOST}", "on_abort": "rollback", "verify": 8, "soak": 1,
            "timeout": 300,
        }  # fmt: skip
        hub.done("POST", "/v1/rollouts", "operator", plan)
        hub.done("POST", f"/v1/rollouts/{id_}/start", "operator")

        def over() -> dict[str, object] | None:
            found = hub.done("GET", f"/v1/rollouts/{id_}", "viewer")
            states = {one["state"] for one in found["agents"]}
            ended = found["state"] == "aborted" and states <= {"rolled-back", "queued"}
            return found if ended else None

        found = wait_until(over, LONG, "the abort and the way back of all")
    finally:
        sidecars.stop()
        hub.served.stop()
    assert sidecars.failures == []
    assert found["why"] == "threshold"
    touched = {name for name in bad if sidecars.installed[name]}
    assert len(touched) <= MOST
    assert sidecars.most_broken <= MOST
    assert set(sidecars.installed.values()) == {1}, "nothing runs twice"
    assert sidecars.back == sidecars.installed, "each that was changed went back, once"
    assert set(sidecars.runs.values()) == {OLD}
