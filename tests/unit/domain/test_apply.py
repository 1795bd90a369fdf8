"""Whose session a message is of, and whether it was seen before: stories of one agent."""

from __future__ import annotations

from fleet.domain.events import Fact
from fleet.domain.roster import Roster
from tests.support.telemetry import NOON, Story, beat, facts, status, words


def test_a_late_will_does_not_kill_a_newer_session():
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(status(boot=6, seq=0))
    story.hears(status("offline", boot=5))
    assert story.facts()[-1] is Fact.LATE_WILL
    assert story.state(NOON) == "ok"


def test_the_will_of_the_session_is_offline_and_holds():
    story = Story()
    story.hears(beat(boot=5, seq=0))
    story.hears(status("offline", ts=NOON - 60, boot=5), at=NOON + 2)
    assert words(story.events, Fact.ALERT_FIRING) == ["agent-offline"]
    for later in (5, 20, 60, 10**6):
        assert story.state(NOON + later) == "offline"
    assert story.waits(NOON + 10**6) == []


def test_birth_after_the_will_of_the_same_session_brings_it_back():
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(status("offline", boot=5))
    story.hears(status(boot=5, seq=1))
    assert story.state(NOON) == "ok"
    assert words(story.events, Fact.ALERT_RESOLVED) == ["agent-offline"]


def test_a_future_retained_time_is_unknown_and_never_overrules_what_was_heard():
    story = Story()
    story.hears(beat(NOON + 3600), retained=True)
    assert story.roster.view("larry", NOON).age is None
    assert story.state(NOON) == "unknown"
    story = Story()
    story.hears(beat(NOON, boot=5, seq=1))
    forged = story.hears(beat(NOON + 3600, ok=False, boot=99, seq=1), retained=True)
    assert facts(forged) == [Fact.RETAINED_FORGED]
    assert story.roster.view("larry", NOON).boot == 5


def test_a_duplicate_changes_nothing():
    story = Story()
    story.hears(beat(boot=5, seq=1))
    again = story.hears(beat(ok=False, boot=5, seq=1), at=NOON + 9)
    assert facts(again) == [Fact.DUPLICATE]
    assert story.roster.view("larry", NOON + 9).age == 9


def test_a_gap_is_counted_and_filled():
    story = Story()
    story.hears(beat(boot=5, seq=1))
    gap = story.hears(beat(NOON + 1, boot=5, seq=4), at=NOON + 1)
    assert [event.amount for event in gap if event.fact is Fact.GAP] == [2]
    for seq in (2, 3):
        assert Fact.FILLED in facts(story.hears(status(ts=NOON, boot=5, seq=seq), at=NOON + 2))
    assert story.roster.view("larry", NOON + 2).missing == 0


def test_a_hub_that_comes_new_to_a_fleet_has_missed_nothing():
    story = Story(Roster(interval=86400))
    story.hears(status(ts=NOON - 900, boot=5, seq=0), retained=True)
    story.hears(beat(NOON - 9, boot=5, seq=40), retained=True)
    story.hears(beat(NOON, boot=5, seq=41))
    assert not story.waits(NOON + 61)
    assert Fact.GAP not in story.facts()
    assert story.roster.receipt("larry", 5) == 0  # its outbox may still have any of them
    story.hears(status(ts=NOON + 70, boot=5, seq=44), at=NOON + 70)
    assert story.facts()[-1] is Fact.GAP  # while it listens


def test_a_gap_that_stays_becomes_an_alert_and_history_later():
    story = Story(Roster(interval=86400))
    story.hears(beat(boot=5, seq=1))
    story.hears(beat(NOON, boot=5, seq=3))
    assert not story.waits(NOON + 59)
    assert words(story.waits(NOON + 61), Fact.ALERT_FIRING) == ["seq-gap"]
    assert words(story.waits(NOON + 3602), Fact.ALERT_RESOLVED) == ["seq-gap"]


def test_an_old_message_of_the_session_does_not_overwrite_a_later_one():
    story = Story()
    story.hears(status("running", NOON + 9, boot=5, seq=9), at=NOON + 9)
    story.hears(status("degraded", NOON + 2, boot=5, seq=2), at=NOON + 10)
    assert story.roster.view("larry", NOON + 10).says == "running"


def test_an_outbox_of_an_earlier_session_is_kept_but_no_news():
    story = Story()
    story.hears(status(ts=NOON, boot=6, seq=0))
    old = status("degraded", NOON - 100, boot=5, seq=4)
    assert facts(story.hears(old)) == [Fact.OLD_SESSION]
    assert facts(story.hears(old)) == [Fact.DUPLICATE]
    assert story.state(NOON) == "ok"
    assert story.roster.receipt("larry", 5) == 4


def test_a_lost_state_directory_does_not_lock_an_agent_out():
    story = Story()
    story.hears(beat(boot=900, seq=5))
    story.hears(beat(NOON + 5, boot=7, seq=0), at=NOON + 5)
    assert Fact.BOOT_BACK in story.facts()
    assert story.roster.view("larry", NOON + 5).boot == 7


def test_a_clock_set_back_with_lost_state_is_taken_once_the_old_session_is_late():
    story = Story()
    story.hears(beat(boot=900, seq=5))
    story.hears(beat(NOON - 5000, boot=7, seq=0), at=NOON + 5)
    assert story.roster.view("larry", NOON + 5).boot == 900
    story.hears(beat(NOON - 4980, boot=7, seq=1), at=NOON + 25)
    assert story.roster.view("larry", NOON + 25).boot == 7


def test_a_new_session_forgets_the_planes_of_the_last():
    story = Story()
    story.hears(beat(boot=5, seq=0, ok=False, checks={"work": "fail"}))
    story.hears(status(boot=6, seq=0))
    assert story.state(NOON) == "ok"


def test_a_receipt_stays_behind_a_hole_until_the_sidecar_sends_again():
    story = Story()
    for seq in (0, 1, 3):
        story.hears(status(ts=NOON + seq, boot=5, seq=seq), at=NOON + seq)
    assert story.roster.receipt("larry", 5) == 1
    story.hears(status(ts=NOON + 3, boot=5, seq=3), at=NOON + 4)
    assert story.roster.receipt("larry", 5) == 1
    story.hears(status(ts=NOON + 3, boot=5, seq=3), at=NOON + 30)
    assert story.roster.receipt("larry", 5) == 3


def test_what_the_broker_repeats_after_a_break_gives_nothing_up():
    story = Story()
    for seq in (0, 2):
        story.hears(status(boot=5, seq=seq))
    story.roster.stop_listening(NOON + 100)
    story.hears(status(boot=5, seq=2), at=NOON + 200)
    assert story.roster.receipt("larry", 5) == 0
    story.roster.resume_listening(NOON + 205)
    story.hears(status(boot=5, seq=2), at=NOON + 220)
    assert story.roster.receipt("larry", 5) == 2
