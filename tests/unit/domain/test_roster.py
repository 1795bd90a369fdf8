"""The truth rules, told as stories of one agent."""

from __future__ import annotations

import json

import pytest

from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Fact
from fleet.domain.roster import MAX_GHOSTS, Roster
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON, Story, alert, beat, facts, status, words


def test_the_seed_one_liner_makes_an_agent_ok():
    story = Story()
    story.hears(beat(uptime=86400))
    view = story.roster.view("larry", NOON + 3)
    assert (view.state, view.age, view.uptime) == (Verdict.OK, 3, 86400)


def test_the_json_item_has_what_the_design_names_and_null_for_the_unknown():
    item = Roster().view("nobody", NOON).as_dict()
    assert item["agent"] == "nobody"
    assert item["state"] == "unknown"
    for key in ("age", "last_seen", "uptime", "versions", "skew", "boot", "config", "kind"):
        assert item[key] is None
    assert (item["alerts"], item["checks"], item["labels"]) == ([], {}, {})
    json.dumps(item)


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


def test_a_live_beat_ends_an_offline_and_a_retained_one_does_not():
    story = Story()
    story.hears(status("offline", boot=5))
    story.hears(beat(NOON - 1, boot=5, seq=3), retained=True)
    assert story.state(NOON) == "offline"
    story.hears(beat(NOON + 5, boot=5, seq=4), at=NOON + 5)
    assert story.state(NOON + 5) == "ok"


@pytest.mark.parametrize("will_first", [True, False])
def test_retained_state_gives_the_same_verdict_in_either_order(will_first):
    story = Story()
    said = [status("offline", NOON - 100, boot=5), beat(NOON - 5, boot=5, seq=9)]
    for message in said if will_first else reversed(said):
        story.hears(message, retained=True)
    assert story.state(NOON) == "offline"


def test_a_retained_beat_is_as_old_as_its_own_time():
    story = Story()
    story.hears(beat(NOON - 20), retained=True)
    view = story.roster.view("larry", NOON)
    assert (view.state, view.age) == (Verdict.LATE, 20)


def test_a_retained_age_is_corrected_by_the_skew_that_is_known():
    story = Story()
    for second in (0, 10):
        story.hears(beat(NOON + second - 90), at=NOON + second)
    assert story.roster.view("larry", NOON + 10).skew == pytest.approx(90)
    story.hears(beat(NOON + 20 - 90), at=NOON + 25, retained=True)
    assert story.roster.view("larry", NOON + 25).age == pytest.approx(5)


def test_a_skewed_clock_is_an_alert_and_its_agent_stays_ok():
    story = Story()
    for second in (0, 10):
        story.hears(beat(NOON + second + 90), at=NOON + second)
    assert words(story.events, Fact.ALERT_FIRING) == ["clock-skew"]
    assert story.state(NOON + 10) == "ok"
    for second in (20, 30):
        story.hears(beat(NOON + second), at=NOON + second)
    assert words(story.events, Fact.ALERT_RESOLVED) == ["clock-skew"]


def test_a_backlog_delivered_at_once_is_not_a_skewed_clock():
    story = Story()
    for second in range(0, 600, 10):
        story.hears(beat(NOON + second, boot=5, seq=second // 10), at=NOON + 600)
    assert story.roster.view("larry", NOON + 600).skew is None
    assert not words(story.events, Fact.ALERT_FIRING)


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


def test_a_cleared_topic_changes_nothing_but_is_news():
    story = Story()
    story.hears(beat())
    events = story.roster.observe_cleared(Address("larry", MessageKind.HEARTBEAT), at=NOON)
    assert facts(events) == [Fact.RETAINED_CLEARED]
    assert story.state(NOON) == "ok"


def test_late_then_stale_then_back_fire_and_resolve_once_each():
    story = Story()
    story.hears(beat())
    for second in range(1, 40):
        story.waits(NOON + second)
    story.hears(beat(NOON + 40), at=NOON + 40)
    alerts = [
        (event.fact.value, event.word)
        for event in story.events
        if event.fact in (Fact.ALERT_FIRING, Fact.ALERT_RESOLVED)
    ]
    assert alerts == [
        ("alert-firing", "agent-late"),
        ("alert-firing", "agent-stale"),
        ("alert-resolved", "agent-late"),
        ("alert-resolved", "agent-stale"),
    ]


def test_silence_is_told_in_the_second_it_is_due_even_when_the_interval_shrinks():
    story = Story(Roster(interval=600))
    story.hears(beat(NOON))
    story.hears(beat(NOON + 1, interval=2), at=NOON + 1)
    assert words(story.waits(NOON + 6), Fact.VERDICT) == ["late"]


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


def test_a_gap_that_stays_becomes_an_alert_and_history_later():
    story = Story(Roster(interval=86400))
    story.hears(beat(boot=5, seq=1))
    story.hears(beat(NOON, boot=5, seq=3))
    assert not story.waits(NOON + 59)
    assert words(story.waits(NOON + 61), Fact.ALERT_FIRING) == ["seq-gap"]
    assert words(story.waits(NOON + 3602), Fact.ALERT_RESOLVED) == ["seq-gap"]


def test_who_falls_silent_after_a_gap_became_history_is_told_like_anybody_else():
    story = Story()
    story.hears(beat(boot=5, seq=1))
    story.hears(beat(NOON + 1, boot=5, seq=4), at=NOON + 1)
    for second in range(2, 3700):
        if second % 10 == 0:
            story.hears(beat(NOON + second, boot=5, seq=5 + second // 10), at=NOON + second)
        story.waits(NOON + second)
    assert words(story.events, Fact.ALERT_RESOLVED) == ["seq-gap"]
    later = [event for second in range(3700, 3800) for event in story.waits(NOON + second)]
    assert words(later, Fact.ALERT_FIRING) == ["agent-late", "agent-stale"]


def test_who_was_silent_as_a_ghost_is_told_like_anybody_else_once_enrolled():
    story = Story(Roster(interval=10, enrolled={}))
    story.hears(beat())
    for second in range(60):
        story.waits(NOON + second)
    story.hears(beat(NOON + 60), at=NOON + 60)
    story.roster.enrol({"larry": Enrolment()}, at=NOON + 60)
    later = [event for second in range(60, 160) for event in story.waits(NOON + second)]
    assert words(later, Fact.ALERT_FIRING) == ["agent-late", "agent-stale"]


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


def test_planes_have_their_own_ages_and_a_failure_does_not_fade():
    story = Story()
    story.hears(beat(checks={"process": "pass", "work": "fail"}, ok=False))
    story.hears(beat(NOON + 10, checks={"process": "pass"}), at=NOON + 10)
    view = story.roster.view("larry", NOON + 12)
    assert {name: plane.age for name, plane in view.planes.items()} == {"process": 2, "work": 12}
    assert view.state is Verdict.DEGRADED
    story.hears(beat(NOON + 20, checks={"process": "pass", "work": "pass"}), at=NOON + 20)
    assert story.state(NOON + 20) == "ok"


def test_a_new_session_forgets_the_planes_of_the_last():
    story = Story()
    story.hears(beat(boot=5, seq=0, ok=False, checks={"work": "fail"}))
    story.hears(status(boot=6, seq=0))
    assert story.state(NOON) == "ok"


def test_dissent_needs_two_reports_in_a_row():
    story = Story()
    split = {"process": "fail", "endpoint": "pass"}
    story.hears(beat(checks=split))
    assert not words(story.events, Fact.ALERT_FIRING)
    story.hears(beat(NOON + 10, checks=split), at=NOON + 10)
    assert words(story.events, Fact.ALERT_FIRING) == ["telemetry-dissent"]
    story.hears(beat(NOON + 20, checks={"process": "pass", "endpoint": "pass"}), at=NOON + 20)
    assert words(story.events, Fact.ALERT_RESOLVED) == ["telemetry-dissent"]


def test_alerts_fire_and_resolve_once_by_message_and_by_heartbeat_list():
    story = Story()
    for _ in range(2):
        story.hears(alert("disk-pressure"))
    story.hears(beat(alerts=["disk-pressure", "rate-limited"]))
    assert words(story.events, Fact.ALERT_FIRING) == ["disk-pressure", "rate-limited"]
    assert story.roster.view("larry", NOON).alerts == ("disk-pressure", "rate-limited")
    story.hears(beat(NOON + 1, alerts=[]), at=NOON + 1)
    assert words(story.events, Fact.ALERT_RESOLVED) == ["disk-pressure", "rate-limited"]


def test_a_beat_without_a_list_says_nothing_of_alerts():
    story = Story()
    story.hears(alert("disk-pressure"))
    story.hears(beat(NOON + 1), at=NOON + 1)
    assert story.roster.view("larry", NOON + 1).alerts == ("disk-pressure",)


def test_a_retained_alert_that_a_later_beat_does_not_list_is_over():
    story = Story()
    story.hears(beat(alerts=[]), retained=True)
    story.hears(alert("disk-pressure", ts=NOON - 100), retained=True)
    assert story.roster.view("larry", NOON).alerts == ()


def test_who_is_not_enrolled_is_a_ghost_and_becomes_a_member_by_enrolment():
    story = Story(Roster(interval=10, enrolled={"moe": Enrolment(labels={"site": "home"})}))
    story.hears(beat())
    assert story.state(NOON) == "ghost"
    assert words(story.events, Fact.ALERT_FIRING) == ["agent-ghost"]
    assert story.roster.view("moe", NOON).labels == {"site": "home"}
    events = story.roster.enrol({"larry": Enrolment()}, at=NOON)
    assert words(events, Fact.ALERT_RESOLVED) == ["agent-ghost"]
    assert story.state(NOON) == "ok"


def test_a_flood_of_ghosts_is_bounded():
    roster = Roster(enrolled={})
    for number in range(MAX_GHOSTS + 5):
        address = Address(f"ghost-{number}", MessageKind.HEARTBEAT)
        events = roster.observe(address, beat(), at=NOON)
    assert facts(events) == [Fact.CROWDED]
    assert len(roster) == MAX_GHOSTS


def test_drift_is_an_alert_until_reverted_or_accepted_and_a_reload_is_none():
    one, two = ("sha256:" + digit * 64 for digit in "12")
    story = Story()
    story.hears(status(config=one))
    story.hears(status(ts=NOON + 1, config=two), at=NOON + 1)
    assert words(story.events, Fact.ALERT_FIRING) == ["config-drift"]
    story.hears(status(ts=NOON + 2, config=one), at=NOON + 2)
    assert words(story.events, Fact.ALERT_RESOLVED) == ["config-drift"]
    reply = {"verb": "config-reload", "result": "done"}
    story.hears(status(ts=NOON + 3, config=two, reply=reply), at=NOON + 3)
    assert len(words(story.events, Fact.ALERT_FIRING)) == 1
    story.hears(status(ts=NOON + 4, config=one), at=NOON + 4)
    assert words(story.roster.accept_config("larry", at=NOON + 5), Fact.ALERT_RESOLVED) == [
        "config-drift"
    ]


def test_who_differs_from_most_of_its_group_has_drifted():
    one, two = ("sha256:" + digit * 64 for digit in "12")
    names = ("a", "b", "c", "d")
    alike = Enrolment({"group": "edge"})
    roster = Roster(enrolled={**dict.fromkeys(names, alike), "other": Enrolment()})

    def drifted() -> list[str]:
        found = [v.agent for v in roster.views(NOON) if "config-drift" in v.alerts]
        return sorted(found)

    def tells(name: str, config: str, **fields: object) -> list[str]:
        reply = {"verb": "config-reload", "result": "done"}
        events = Story(roster, name).hears(status(config=config, reply=reply, **fields))
        return [f"{event.agent} {event.fact}" for event in events if "config-drift" in event.word]

    tells("other", two)
    tells("a", one)
    tells("b", one)
    assert tells("c", two) == [f"c {Fact.ALERT_FIRING}"]
    assert tells("d", two) == [f"c {Fact.ALERT_RESOLVED}"], "half is no majority"
    assert drifted() == []
    tells("b", two)
    assert drifted() == ["a"], "now the other configuration is the usual one"
    again = Roster(enrolled={**dict.fromkeys(names, alike), "other": Enrolment()})
    again.thaw(roster.freeze())
    assert "config-drift" in again.view("a", NOON).alerts
    events = roster.enrol({name: Enrolment() for name in (*names, "other")}, at=NOON)
    assert words(events, Fact.ALERT_RESOLVED) == ["config-drift"]
    assert drifted() == []


def test_views_stand_worst_first():
    roster = Roster(interval=10)
    for name, message in (
        ("a-ok", beat(NOON)),
        ("b-bad", beat(NOON, ok=False)),
        ("c-gone", status("offline")),
        ("d-late", beat(NOON - 20)),
    ):
        Story(roster, name).hears(message, retained=True)
    assert [v.agent for v in roster.views(NOON)] == ["c-gone", "d-late", "b-bad", "a-ok"]


def test_the_hub_s_own_deafness_is_not_the_agents_silence():
    story = Story()
    story.hears(beat())
    story.roster.deaf(NOON + 5)
    assert story.waits(NOON + 1000) == []
    assert story.state(NOON + 1000) == "ok"
    story.hears(beat(NOON + 1000), at=NOON + 1001)
    assert story.roster.hear(NOON + 1002) == []
    assert story.state(NOON + 1002) == "ok"


def test_who_stays_silent_after_the_hub_listens_again_is_told():
    story = Story()
    story.hears(beat())
    story.roster.deaf(NOON + 5)
    assert words(story.roster.hear(NOON + 1002), Fact.VERDICT) == ["stale"]


def test_a_thawed_roster_is_the_one_that_was_frozen_and_no_event():
    story = Story()
    story.hears(status(boot=4, seq=0))
    story.hears(status(boot=5, seq=0, versions={"agent": "1.2"}, kind="nanobot"))
    story.hears(
        beat(
            NOON, boot=5, seq=3, checks={"disk": "warn"}, metrics={"memory_bytes": 2.5}, interval=7
        )
    )
    story.hears(
        status(ts=NOON, boot=5, seq=1, config="sha256:" + "1" * 64, checks={"cron": "pass"})
    )
    frozen = json.loads(json.dumps(list(story.roster.freeze())))
    other = Roster(interval=10)
    other.thaw(frozen)
    assert other.view("larry", NOON).as_dict() == story.roster.view("larry", NOON).as_dict()
    assert list(other.freeze()) == list(story.roster.freeze())
    assert words(other.tick(NOON + 13), Fact.VERDICT) == ["late"]


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
    story.roster.deaf(NOON + 100)
    story.hears(status(boot=5, seq=2), at=NOON + 200)
    assert story.roster.receipt("larry", 5) == 0
    story.roster.hear(NOON + 205)
    story.hears(status(boot=5, seq=2), at=NOON + 220)
    assert story.roster.receipt("larry", 5) == 2


def test_a_reply_is_told_with_its_verb_and_id():
    story = Story()
    reply = {"verb": "health-check", "result": "done", "to": "01JZ0000000000000000000000"}
    events = story.hears(status(reply=reply))
    assert [(e.word, e.id) for e in events if e.fact is Fact.REPLY] == [
        ("health-check", "01JZ0000000000000000000000")
    ]


def test_an_event_is_json():
    story = Story()
    story.hears(alert("disk-pressure", value=91))
    fired = next(e for e in story.events if e.fact is Fact.ALERT_FIRING)
    assert fired.as_dict() == {
        "fact": "alert-firing",
        "agent": "larry",
        "at": timestamp(NOON),
        "word": "disk-pressure",
        "severity": "warning",
        "amount": 91,
        "id": None,
    }
