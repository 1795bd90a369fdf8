"""Rollouts from the hub's door to the agents and back: a served hub, `agent-sidecar work` beside
each agent, and agents that are updated by real commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.provisioning.registry import Enrolled
from tests.support.broker import Mosquitto
from tests.support.machines import LAZY, Machines
from tests.support.served import Served
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

pytestmark = pytest.mark.timeout(300)
LONG = 120.0
"""Seconds that anything may take on a busy machine."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkHub]:
    folder = tmp_path_factory.mktemp("rollouts")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    yield WorkHub(served)
    served.stop()
    broker.stop()


@pytest.fixture
def fleet(hub: WorkHub, tmp_path: Path) -> Iterator[Callable[..., Machines]]:
    made: list[Machines] = []

    def build(*names: str) -> Machines:
        hub.enrol(*(Enrolled(name, groups=("red",)) for name in names))
        machines = Machines(tmp_path / "machines", hub, *names)
        made.append(machines)
        return machines

    yield build
    for machines in made:
        machines.stop()


def known(machines: Machines, *names: str) -> None:
    """Wait until the hub knows what runs at each of them, and that it works."""

    def all_known() -> bool:
        found = machines.hub.done("GET", "/v1/agents", "viewer")["agents"]
        told = {one["agent"]: one for one in found}
        return all(
            name in told and told[name]["enrolled"]
            and (told[name]["versions"] or {}).get("agent") == "1.0"
            and told[name]["checks"].get("work") == "pass"
            for name in names
        )  # fmt: skip

    wait_until(all_known, LONG, "the versions before")


def over(machines: Machines, rollout: str) -> dict[str, object]:
    def ended() -> dict[str, object] | None:
        found = machines.look(rollout)
        return found if found["state"] in ("completed", "aborted") else None

    return wait_until(ended, LONG, "the rollout's end")


def test_a_version_reaches_all_and_a_bad_one_nobody(fleet: Callable[..., Machines]) -> None:
    machines = fleet("ada", "bob", "carl").start()
    known(machines, "ada", "bob", "carl")
    good = machines.rollout("2.0", waves="1,100%", max_unavailable=2)
    assert over(machines, good)["state"] == "completed", machines.look(good)
    assert set(machines.states(good).values()) == {"committed"}
    assert {one.agent.runs for one in machines.each.values()} == {"2.0"}
    # It starts and does no work: the first two go back, the third is never asked.
    bad = machines.rollout(LAZY[0], abort="20%:2", verify=3)
    found = over(machines, bad)
    assert (found["state"], found["why"]) == ("aborted", "threshold")
    wait_until(
        lambda: sorted(machines.states(bad).values()) == ["queued", "rolled-back", "rolled-back"],
        LONG, "the way back",
    )  # fmt: skip
    assert {one.agent.runs for one in machines.each.values()} == {"2.0"}
    assert machines["carl"].agent.installed == ["2.0"]
    reasons = {one["reason"] for one in machines.look(bad)["agents"]}
    assert reasons == {"no-work", None}
    # Who was rolled back from it is not asked again.
    status, answer = machines.hub.ask(
        "POST", "/v1/rollouts", "operator",
        {"id": machines.hub.new_id(), "version": LAZY[0], "agents": ["ada"]},
    )  # fmt: skip
    assert status == 422
    assert "was rolled back from it" in answer["detail"]
    metrics = machines.hub.done("GET", "/metrics", "scraper")["text"]
    assert 'fleet_rollouts{state="running"} 0' in metrics


def test_each_that_cannot_is_told_apart_and_holds_up_nobody(
    fleet: Callable[..., Machines],
) -> None:
    names = ("away", "deny", "fine", "mute", "stuck")
    machines = fleet(*names)
    machines["deny"].write(allow=["3.*"])
    machines["stuck"].agent.folder.joinpath("verify").write_text("#!/bin/sh\nexit 1\n")
    machines.start("away", "deny", "fine", "stuck")
    known(machines, *names)
    machines["away"].away = True

    def gone() -> bool:
        found = machines.hub.done("GET", "/v1/agents/away", "viewer")
        return bool(found["state"] == "offline")

    wait_until(gone, LONG, "its absence")
    id_ = machines.rollout("2.0", waves="100%", max_unavailable=5, timeout=40)
    assert over(machines, id_)["state"] == "completed", machines.look(id_)
    assert machines.states(id_) == {
        "away": "timed-out", "deny": "rejected", "fine": "committed", "mute": "timed-out",
        "stuck": "rollback-failed",
    }  # fmt: skip
    reasons = {one["agent"]: one["reason"] for one in machines.look(id_)["agents"]}
    assert (reasons["deny"], reasons["mute"], reasons["away"]) == (
        "version-refused", "no-answer", "away",
    )  # fmt: skip
    assert machines["stuck"].agent.runs == "1.0", "the old version was started"
    assert "ROLLBACK FAILED" in machines["stuck"].log.read_text()
    assert "rollback-failed" in machines.hub.served.log.read_text()
    for name in ("away", "deny", "mute"):
        assert machines[name].agent.installed == []


def test_a_hub_killed_in_each_phase_goes_on_and_nothing_runs_twice(
    fleet: Callable[..., Machines],
) -> None:
    machines = fleet("dan", "eve").start()
    known(machines, "dan", "eve")
    served = machines.hub.served
    id_ = machines.rollout("2.0", waves="1,100%", soak=2, verify=120)
    seen: set[str] = set()

    def state() -> str:
        return machines.states(id_)["dan"]

    while (now := state()) != "committed":
        assert now in ("queued", "precheck", "snapshot", "installing", "verifying", "soaking")
        if now not in seen:
            seen.add(now)
            served.kill()
            served.start()
    assert over(machines, id_)["state"] == "completed"
    assert seen, "it was killed at least once, in whichever phases it was found"
    for machine in machines.each.values():
        assert machine.agent.installed == ["2.0"]
        assert machine.agent.runs == "2.0"


def test_an_operator_stops_in_the_middle_and_takes_back(fleet: Callable[..., Machines]) -> None:
    machines = fleet("fay", "gus", "hal").start()
    known(machines, "fay", "gus", "hal")
    id_ = machines.rollout("2.0", waves="1,100%", soak=1)
    wait_until(lambda: machines.states(id_)["fay"] == "committed", LONG, "the first one")
    machines.hub.done("POST", f"/v1/rollouts/{id_}/abort", "operator", {"on_abort": "rollback"})
    wait_until(
        lambda: set(machines.states(id_).values()) <= {"rolled-back", "queued"}, LONG, "the end"
    )
    assert machines.states(id_)["fay"] == "rolled-back"
    assert {one.agent.runs for one in machines.each.values()} == {"1.0"}
    status, answer = machines.hub.ask("POST", f"/v1/rollouts/{id_}/resume", "operator")
    assert (status, answer["code"]) == (409, "wrong-rollout-state")


def test_a_sidecar_killed_in_the_middle_goes_back_at_its_next_start(
    fleet: Callable[..., Machines],
) -> None:
    machines = fleet("ivy").start()
    known(machines, "ivy")
    id_ = machines.rollout("slow", timeout=20)
    wait_until(lambda: machines["ivy"].agent.installed == ["slow"], LONG, "its installation")
    machines["ivy"].kill()
    machines["ivy"].start()
    wait_until(lambda: machines["ivy"].agent.installed == ["slow", "1.0"], LONG, "its way back")
    assert over(machines, id_)["state"] == "completed", "and not well"
    wait_until(lambda: machines.states(id_)["ivy"] == "rolled-back", LONG, "the hub's word")
    assert machines["ivy"].agent.runs == "1.0"


def test_a_sidecar_renamed_in_the_middle_goes_back_and_tells_under_the_new_name(
    fleet: Callable[..., Machines],
) -> None:
    machines = fleet("jay").start()
    known(machines, "jay")
    id_ = machines.rollout("slow", timeout=20)
    wait_until(lambda: machines["jay"].agent.installed == ["slow"], LONG, "its installation")
    machines["jay"].kill()
    machines.rename("jay", "june")
    june = machines["june"].start()
    wait_until(lambda: june.agent.installed == ["slow", "1.0"], LONG, "its way back")
    wait_until(lambda: machines.states(id_) == {"june": "rolled-back"}, LONG, "the hub's word")
    assert june.agent.runs == "1.0"
    assert over(machines, id_)["state"] == "completed", "and not well"


def test_a_rollout_that_is_running_follows_a_rename_and_asks_nobody_twice(
    fleet: Callable[..., Machines],
) -> None:
    machines = fleet("kim", "lee").start()
    known(machines, "kim", "lee")
    id_ = machines.rollout("2.0", waves="1,100%", soak=4, verify=60)
    wait_until(lambda: machines.states(id_)["kim"] == "soaking", LONG, "the first one's soak")
    for old, new in (("kim", "kit"), ("lee", "lea")):  # one in its soak, one that waits
        machines[old].kill()
        machines.rename(old, new)
        machines[new].start()
    assert over(machines, id_)["state"] == "completed"
    assert machines.states(id_) == {"kit": "committed", "lea": "committed"}
    for machine in machines.each.values():
        assert machine.agent.installed == ["2.0"]
