"""What somebody sends again is no news, and no sign of life: stories of agents without numbers."""

from __future__ import annotations

import pytest

from fleet.domain.agent_record import AgentRecord
from fleet.domain.events import Fact
from fleet.domain.record_json import from_json, to_json
from fleet.domain.roster import Roster
from tests.support.telemetry import NOON, Story, alert, beat, facts, status


def restarted(story: Story) -> Story:
    """The same after the hub has kept and loaded its records."""
    roster = Roster(interval=10)
    roster.load(story.roster.dump())
    return Story(roster)


@pytest.mark.parametrize("first_retained", [False, True])
@pytest.mark.parametrize("across_a_restart", [False, True])
def test_a_heartbeat_that_comes_again_is_stored_once_and_keeps_nobody_alive(
    first_retained: bool, across_a_restart: bool
) -> None:
    story = Story()
    said = beat(NOON - 1, metrics={"n": 1.0}, uptime=5.0)
    story.hears(said, at=NOON, retained=first_retained)
    if across_a_restart:
        story = restarted(story)
    for later in (8, 16, 20, 24):
        assert facts(story.hears(said, at=NOON + later))[0] is Fact.DUPLICATE
    assert story.state(NOON + 27) == "stale"
    story.hears(beat(NOON + 30), at=NOON + 30)
    assert story.state(NOON + 30) == "ok"


def test_two_calls_of_one_second_both_count() -> None:
    story = Story()
    story.hears(beat(NOON, checks={"disk": "pass"}), at=NOON)
    assert facts(story.hears(beat(NOON, ok=False, checks={"disk": "fail"}), at=NOON + 0.4)) == [
        Fact.VERDICT
    ]
    assert story.state(NOON + 1) == "degraded"


def test_a_clock_that_stands_still_ends_as_stale_whatever_is_said() -> None:
    story = Story()
    for later in range(0, 40, 10):
        story.hears(beat(NOON, metrics={"n": float(later)}), at=NOON + later)
    assert story.state(NOON + 36) == "stale"
    assert story.roster.view("larry", NOON + 36).metrics == {"n": 30.0}


def test_a_restored_broker_makes_nobody_alive_with_what_is_older_still() -> None:
    story = Story()
    story.hears(beat(NOON), at=NOON)
    old = beat(NOON - 500, ok=False)
    story.hears(old, at=NOON + 20)
    assert facts(story.hears(old, at=NOON + 26))[0] is Fact.DUPLICATE
    assert story.state(NOON + 27) == "stale"
    assert story.roster.view("larry", NOON + 27).ok is True


def test_a_clock_that_was_set_back_costs_one_beat() -> None:
    story = Story()
    for later in (0, 10, 20):
        story.hears(beat(NOON + later), at=NOON + later)
    story.hears(beat(NOON - 3570), at=NOON + 30)
    assert story.roster.view("larry", NOON + 31).age == 11
    story.hears(beat(NOON - 3560, ok=False), at=NOON + 40)
    view = story.roster.view("larry", NOON + 41)
    assert (view.age, view.ok, view.skew) == (1, False, 3600)
    story.hears(beat(NOON - 3550), at=NOON + 50)
    assert story.state(NOON + 51) == "ok"


def test_a_queue_of_old_beats_is_no_clock_that_was_set_back() -> None:
    """A site's bridge delivers at once what waited, after the agent was heard by another way."""
    story = Story()
    story.hears(beat(NOON), at=NOON)
    for waited in range(100, 50, -10):
        story.hears(beat(NOON - waited), at=NOON + 20)
    assert story.roster.view("larry", NOON + 20).age == 20


def test_a_heartbeat_that_comes_again_ends_no_offline_and_no_alert() -> None:
    story = Story()
    said = beat(NOON, alerts=[])
    story.hears(said)
    story.hears(alert("disk-pressure", ts=NOON + 1), at=NOON + 1)
    story.hears(status("offline", NOON + 2), at=NOON + 2)
    story.hears(said, at=NOON + 3)
    assert story.state(NOON + 3) == "offline"
    assert "disk-pressure" in story.roster.view("larry", NOON + 3).alerts


@pytest.mark.parametrize("across_a_restart", [False, True])
def test_a_status_that_comes_again_keeps_nobody_alive(across_a_restart: bool) -> None:
    story = Story()
    said = status("running", NOON, versions={"agent": "1.2"})
    story.hears(said)
    if across_a_restart:
        story = restarted(story)
    for later in (10, 20, 25):
        assert facts(story.hears(said, at=NOON + later))[0] is Fact.DUPLICATE
    assert story.state(NOON + 27) == "stale"
    story.hears(status("running", NOON + 30, versions={"agent": "1.2"}), at=NOON + 30)
    assert story.state(NOON + 30) == "ok"


def test_an_older_status_of_a_restored_broker_ends_no_offline() -> None:
    story = Story()
    story.hears(status("offline", NOON))
    story.hears(status("running", NOON - 500), at=NOON + 1)
    assert story.state(NOON + 1) == "offline"
    story.hears(status("running", NOON), at=NOON + 2)
    assert story.state(NOON + 2) == "ok", "stopped and started within a second"


def test_an_alert_that_comes_again_is_told_once() -> None:
    story = Story()
    said = alert("disk-pressure", value=91.0)
    story.hears(said)
    for later in (1, 2):
        assert facts(story.hears(said, at=NOON + later)) == [Fact.DUPLICATE]
    story.hears(alert("memory-pressure", ts=NOON + 3), at=NOON + 3)
    assert facts(story.hears(said, at=NOON + 4)) == [Fact.DUPLICATE]
    assert story.facts().count(Fact.ALERT_FIRING) == 2


def test_an_alert_that_ends_and_starts_within_a_second_starts_again() -> None:
    story = Story()
    firing, resolved = alert("disk-pressure"), alert("disk-pressure", "resolved")
    for message in (firing, resolved, firing):
        story.hears(message)
    assert story.facts().count(Fact.ALERT_FIRING) == 2
    assert "disk-pressure" in story.roster.view("larry", NOON).alerts


def test_who_dies_twice_within_a_second_is_dead_twice() -> None:
    story = Story()
    will = status("offline", NOON)
    story.hears(will, at=NOON + 1)
    assert facts(story.hears(will, at=NOON + 1)) == [Fact.DUPLICATE]
    story.hears(status("running", NOON), at=NOON + 2)
    story.hears(will, at=NOON + 3)
    assert story.state(NOON + 3) == "offline"


def test_a_numbered_message_that_comes_again_keeps_nobody_alive() -> None:
    story = Story()
    said = [
        status("running", NOON, boot=7, seq=0),
        alert("disk-pressure", boot=7, seq=1, value=91.0),
        beat(NOON, boot=7, seq=2),
    ]
    for message in said:
        story.hears(message)
    before = len(story.events)
    for later in (10, 20, 25):
        for message in said:
            assert facts(story.hears(message, at=NOON + later))[0] is Fact.DUPLICATE
    assert story.facts()[before:].count(Fact.DUPLICATE) == 9
    assert story.facts().count(Fact.BIRTH) == 1
    story.waits(NOON + 27)
    assert story.state(NOON + 27) == "stale"


def test_of_an_agent_with_a_sidecar_nothing_is_kept_for_this() -> None:
    """Else its heartbeats would never again take the short way."""
    story = Story()
    story.hears(alert("disk-pressure", ts=NOON - 5))
    story.hears(status("running", NOON, boot=7, seq=0), at=NOON)
    story.hears(alert("disk-pressure", "resolved", ts=NOON + 1), at=NOON + 1)
    story.hears(beat(NOON + 2, boot=7, seq=1, alerts=[]), at=NOON + 2)
    [(_, kept)] = story.roster.dump()
    assert not kept.get("aside", {}).get("said")


def test_a_record_of_an_older_hub_is_read() -> None:
    story = Story()
    story.hears(status("running", NOON - 5))
    story.hears(beat(NOON - 500), at=NOON)
    story.hears(beat(NOON - 600), at=NOON)
    [(_, kept)] = story.roster.dump()
    del kept["beat_digest"], kept["aside"]["said"], kept["aside"]["older_beat"]
    record = from_json("larry", kept)
    assert isinstance(record, AgentRecord)
    assert "beat_digest" not in to_json(record)
