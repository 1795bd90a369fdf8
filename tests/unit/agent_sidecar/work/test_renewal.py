"""A claim is held by progress; it is given up once, for one reason, before it ends at the hub."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from agent_sidecar import machine_time
from agent_sidecar.work.fake_hub import FakeHub
from agent_sidecar.work.hub import Claim, HubAway, HubRefused, LeaseLost, NotAdmitted
from agent_sidecar.work.renewal import Renewal
from fleet.contract.work_vocabulary import TaskReason
from tests.support.waiting import wait_until


@dataclass
class Held:
    """A claim at a hub, with what its renewal said."""

    hub: FakeHub = field(default_factory=lambda: FakeHub(lease=3.0))
    stall: float = 60.0
    over: list[tuple[TaskReason, bool]] = field(default_factory=list)
    extended: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.task = self.hub.submit("job")
        self.begun = time.monotonic()
        claim = self.hub.claim(self.task.task)
        assert claim is not None
        self.claim: Claim = claim
        self.renewal = Renewal(
            self.hub, claim, self.begun, self.stall, lambda: 0, lambda: 7,
            self.extended.append, lambda reason, at_once: self.over.append((reason, at_once)),
        )  # fmt: skip
        self.renewal.watching = True
        self.renewal.start()


def test_it_is_renewed_at_a_third_and_the_supervisor_hears_until_when() -> None:
    held = Held()
    wait_until(lambda: len(held.extended) >= 2, what="two renewals")
    held.renewal.stop()
    assert held.task.progress[:2] == [7, 7]
    assert held.extended[0] > held.begun + 2.0
    assert not held.over


def test_without_progress_it_is_not_renewed_for_ever() -> None:
    held = Held(stall=0.5)
    wait_until(lambda: held.over, what="the stall")
    held.renewal.stop()
    assert held.over == [(TaskReason.WORKER_STALLED, False)]


def test_a_hub_that_is_away_costs_the_claim_before_it_ends_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_claim: Claim, _progress: int, _result: bool) -> tuple[float, bool]:
        raise HubAway("x", "y", "z")

    monkeypatch.setattr(FakeHub, "renew", lambda _self, *given: away(*given))
    held = Held()
    wait_until(lambda: held.over, what="the end of the lease")
    held.renewal.stop()
    assert held.renewal.lost
    assert held.over == [(TaskReason.LEASE_EXPIRED, True)]


def test_a_hub_that_refuses_costs_it_at_once_and_one_that_called_it_off_lets_the_worker_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Held()
    held.task.cancel = True
    wait_until(lambda: held.over, what="that it is called off")
    held.renewal.stop()
    assert held.over == [(TaskReason.CANCEL_ASKED, False)]
    assert not held.renewal.lost

    def refuse(_claim: Claim, _progress: int, _result: bool) -> tuple[float, bool]:
        raise HubRefused("x", "y", "z")

    monkeypatch.setattr(FakeHub, "renew", lambda _self, *given: refuse(*given))
    held = Held()
    wait_until(lambda: held.over, what="that it is refused")
    held.renewal.stop()
    assert held.renewal.lost


def test_a_lease_that_ended_at_the_hub_alone_is_given_back_to_a_result_and_to_no_worker() -> None:
    held = Held()
    held.renewal.stop()  # what it asks is asked here
    held.task.until = 0.0  # over there, as after a sleep of this machine
    with pytest.raises(LeaseLost):
        held.renewal._asked()
    held.renewal.has_result = True
    assert held.renewal._asked() == (3.0, False)
    held.task.epoch += 1  # another one has it by now
    with pytest.raises(LeaseLost):
        held.renewal._asked()


def test_a_token_that_is_wrong_costs_a_worker_its_claim_and_a_result_nothing() -> None:
    held = Held()
    held.renewal.stop()
    wrong, away = NotAdmitted("x", "y", "z"), HubAway("x", "y", "z")
    assert (held.renewal.may_pass(wrong), held.renewal.may_pass(away)) == (False, True)
    held.renewal.has_result = True
    assert (held.renewal.may_pass(wrong), held.renewal.may_pass(away)) == (True, True)
    assert not held.renewal.may_pass(HubRefused("x", "y", "z"))


@pytest.mark.parametrize(("asleep", "lost"), [(3600.0, True), (5.0, False)])
def test_a_lease_goes_on_while_the_machine_sleeps(
    monkeypatch: pytest.MonkeyPatch, asleep: float, lost: bool
) -> None:
    held = Held(FakeHub(lease=600.0))
    awake = machine_time.now
    monkeypatch.setattr(machine_time, "now", lambda: awake() + asleep)
    wait_until(lambda: held.over or held.extended, what="that it is given up, or asked for at once")
    held.renewal.stop()
    assert held.renewal.lost is lost
    assert held.over == ([(TaskReason.LEASE_EXPIRED, True)] if lost else [])
