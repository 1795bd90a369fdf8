"""An agent that only published alerts was heard, although nobody knows whether it lives."""

from __future__ import annotations

from fleet.contract.messages import Alert, Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import AlertState, MessageKind, Severity
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict

T0 = 1_773_900_000.0


def alerted(at: float) -> Roster:
    roster = Roster(interval=60.0)
    firing = Alert(
        code="disk-pressure", severity=Severity.WARNING, state=AlertState.FIRING, ts=timestamp(at)
    )
    roster.observe(Address("larry", MessageKind.ALERT), firing, at=at)
    return roster


def test_it_was_heard_when_its_alert_came_and_is_never_late_for_that() -> None:
    roster = alerted(T0)
    for now in (T0 + 5, T0 + 86_400):
        roster.tick(now)
        view = roster.view("larry", now)
        assert (view.last_seen, view.age) == (T0, now - T0)
        assert view.state is Verdict.UNKNOWN


def test_the_hub_knows_it_after_a_restart_too() -> None:
    again = Roster(interval=60.0)
    again.load(alerted(T0).dump())
    assert again.view("larry", T0 + 5).last_seen == T0


def test_a_heartbeat_counts_from_then_on() -> None:
    roster = alerted(T0)
    beat = Heartbeat(ok=True, ts=timestamp(T0 + 10))
    roster.observe(Address("larry", MessageKind.HEARTBEAT), beat, at=T0 + 10)
    assert roster.view("larry", T0 + 20).last_seen == T0 + 10
