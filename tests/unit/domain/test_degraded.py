"""An agent that is unwell and raises no alert wakes somebody, after a while and once."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import AlertState, Check, HubAlertCode, MessageKind, Severity, State
from fleet.domain.apply_silences import apply_silences
from fleet.domain.degraded import AFTER
from fleet.domain.events import Event, Fact
from fleet.domain.problems import problems_of
from fleet.domain.roster import Roster
from fleet.domain.silences import Silence

T0 = 1_773_900_000.0
CODE = HubAlertCode.AGENT_DEGRADED
FIRING, RESOLVED = Fact.ALERT_FIRING, Fact.ALERT_RESOLVED


class Played:
    """One agent, and what the roster tells of `agent-degraded`."""

    def __init__(self, after: float = AFTER) -> None:
        self.roster = Roster(interval=86_400.0, degraded_after=after)
        self.told: list[tuple[Fact, Severity | None]] = []

    def keep(self, events: list[Event]) -> None:
        self.told += [(e.fact, e.severity) for e in events if e.word == CODE]

    def beat(self, at: float, **fields: Any) -> None:
        message = Heartbeat(ok=fields.pop("ok", True), ts=timestamp(T0 + at), **fields)
        address = Address("larry", MessageKind.HEARTBEAT)
        self.keep(self.roster.observe(address, message, at=T0 + at))

    def says(self, at: float, state: State, **fields: Any) -> None:
        message = Status(state=state, ts=timestamp(T0 + at), **fields)
        self.keep(self.roster.observe(Address("larry", MessageKind.STATUS), message, at=T0 + at))

    def alert(self, at: float, code: str, severity: Severity, state: AlertState) -> None:
        message = Alert(code=code, severity=severity, state=state, ts=timestamp(T0 + at))
        self.keep(self.roster.observe(Address("larry", MessageKind.ALERT), message, at=T0 + at))

    def tick(self, at: float) -> None:
        self.keep(self.roster.tick(T0 + at))


def test_a_one_liner_that_says_it_is_not_well_wakes_somebody_after_the_time_set() -> None:
    one = Played(after=120.0)
    one.beat(0, ok=False)
    one.tick(119)
    one.beat(119.5, ok=False)
    assert one.told == []
    one.tick(121)
    one.tick(500)
    one.beat(501, ok=False)
    assert one.told == [(FIRING, Severity.WARNING)]
    one.beat(502)
    assert one.told[1:] == [(RESOLVED, Severity.WARNING)]


def test_who_is_well_again_in_time_wakes_nobody() -> None:
    one = Played()
    one.beat(0, ok=False)
    one.beat(AFTER - 1)
    one.beat(AFTER, ok=False)
    one.tick(AFTER + 1)
    assert one.told == []


@pytest.mark.parametrize("state", [State.DEGRADED, State.STARTING])
def test_a_state_that_stays_unwell_is_one(state: State) -> None:
    one = Played()
    one.says(0, state)
    one.tick(AFTER + 1)
    assert one.told == [(FIRING, Severity.WARNING)]


def test_it_matters_as_the_worst_plane_does_and_is_told_again_when_that_grows() -> None:
    one = Played()
    one.beat(0, checks={"channels": Check.FAIL, "process": Check.PASS})
    one.tick(AFTER + 1)
    assert one.roster.failing("larry") == ("channels",)
    one.beat(AFTER + 2, ok=False, checks={"channels": Check.FAIL, "process": Check.FAIL})
    assert one.told == [(FIRING, Severity.WARNING), (FIRING, Severity.CRITICAL)]
    view = one.roster.view("larry", T0 + AFTER + 3)
    assert view.severities[CODE] is Severity.CRITICAL


def test_it_is_told_that_it_grows_also_where_something_else_begins() -> None:
    one = Played()
    one.beat(0, ok=False)
    one.tick(AFTER + 1)
    one.says(AFTER + 2, State.DEGRADED, config="sha256:" + "1" * 64)
    checks = {"process": Check.FAIL}
    one.says(AFTER + 3, State.DEGRADED, config="sha256:" + "2" * 64, checks=checks)
    assert HubAlertCode.CONFIG_DRIFT in one.roster.view("larry", T0 + AFTER + 3).alerts
    assert one.told == [(FIRING, Severity.WARNING), (FIRING, Severity.CRITICAL)]


def test_an_alert_of_its_own_says_it_unless_it_matters_less() -> None:
    one = Played()
    one.beat(0, ok=False, checks={"process": Check.FAIL})
    one.alert(1, "process-down", Severity.CRITICAL, AlertState.FIRING)
    one.tick(AFTER + 1)
    assert one.told == []
    one.alert(AFTER + 2, "process-down", Severity.CRITICAL, AlertState.RESOLVED)
    one.alert(AFTER + 3, "disk-pressure", Severity.WARNING, AlertState.FIRING)
    one.tick(AFTER + 4)
    assert one.told == [], "the time counts from when nothing said it any more"
    one.tick(2 * AFTER + 3)
    assert one.told == [(FIRING, Severity.CRITICAL)]
    one.alert(2 * AFTER + 4, "process-down", Severity.CRITICAL, AlertState.FIRING)
    assert one.told[1:] == [(RESOLVED, Severity.CRITICAL)]


def test_who_is_late_keeps_it_and_who_is_stale_has_an_alert_for_that() -> None:
    one = Played()
    one.beat(0, ok=False, interval=600.0)
    one.tick(AFTER + 1)
    one.tick(1.6 * 600)
    assert one.told == [(FIRING, Severity.WARNING)]
    one.tick(2.7 * 600)
    assert one.told[1:] == [(RESOLVED, Severity.WARNING)]


def test_it_counts_on_over_a_restart_of_the_hub() -> None:
    one = Played()
    one.beat(0, ok=False)
    again = Played()
    again.roster.load(one.roster.dump())
    again.tick(AFTER - 1)
    assert again.told == []
    again.tick(AFTER + 1)
    assert again.told == [(FIRING, Severity.WARNING)]


def test_a_first_start_counts_from_when_it_is_told() -> None:
    one = Played()
    one.roster.stop_listening(float("-inf"))
    one.beat(0, ok=False)
    one.keep(one.roster.resume_listening(T0 + 5))
    one.tick(AFTER - 1)
    assert one.told == []
    one.tick(AFTER + 1)
    assert one.told == [(FIRING, Severity.WARNING)]


def test_the_problems_are_said_once_and_a_silence_of_the_code_holds_them_back() -> None:
    one = Played()
    one.beat(0, ok=False)
    one.tick(AFTER + 1)
    now = T0 + AFTER + 2
    view = one.roster.view("larry", now)
    assert view.alerts == (CODE,)
    assert [str(problem) for problem in problems_of([view])] == ["larry: not-ok"]
    silence = Silence("1", now + 60, "larry", CODE, "operator")
    [held] = apply_silences([view], [silence], now)
    assert [problem.held for problem in problems_of([held])] == ["silenced"]
