"""What a message says becomes known, and what it must not overrule: stories of one agent."""

from __future__ import annotations

import pytest

from fleet.domain.events import Fact
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON, Story, alert, beat, status, words


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


def test_planes_have_their_own_ages_and_a_failure_does_not_fade():
    story = Story()
    story.hears(beat(checks={"process": "pass", "work": "fail"}, ok=False))
    story.hears(beat(NOON + 10, checks={"process": "pass"}), at=NOON + 10)
    view = story.roster.view("larry", NOON + 12)
    assert {name: plane.age for name, plane in view.planes.items()} == {"process": 2, "work": 12}
    assert view.state is Verdict.DEGRADED
    story.hears(beat(NOON + 20, checks={"process": "pass", "work": "pass"}), at=NOON + 20)
    assert story.state(NOON + 20) == "ok"


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


def test_an_alert_has_the_limit_that_it_crossed_as_long_as_it_says_one_and_over_a_restart():
    story = Story()
    story.hears(alert("disk-pressure", value=91, threshold=90))
    assert story.roster.threshold("larry", "disk-pressure") == 90
    restarted = Roster(interval=10)
    restarted.load(story.roster.dump(["larry"]))
    assert restarted.threshold("larry", "disk-pressure") == 90
    story.hears(alert("disk-pressure", "resolved", NOON + 1), at=NOON + 1)
    assert story.roster.threshold("larry", "disk-pressure") is None
    assert story.roster.threshold("nobody", "disk-pressure") is None


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


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_an_alert_that_comes_after_a_beat_that_no_longer_lists_it_fires_nothing(severity):
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(beat(NOON + 5, boot=5, seq=3, alerts=[]), at=NOON + 5)
    for seq, state in ((1, "firing"), (2, "resolved")):
        late = alert("error-rate", state, NOON + seq, boot=5, seq=seq, value=3, severity=severity)
        story.hears(late, at=NOON + 6)
    assert words(story.events, Fact.ALERT_FIRING) == []
    assert story.roster.view("larry", NOON + 6).alerts == ()


def test_an_end_that_comes_after_a_beat_that_lists_it_again_leaves_it_as_bad_as_it_usually_is():
    story = Story()
    said = {"boot": 5, "severity": "critical"}
    story.hears(alert("error-rate", "firing", NOON, seq=0, value=9, **said))
    story.hears(beat(NOON + 5, boot=5, seq=3, alerts=["error-rate"]), at=NOON + 5)
    ended = story.hears(alert("error-rate", "resolved", NOON + 1, seq=1, value=1, **said))
    [told] = [(e.fact, e.severity, e.amount) for e in ended if e.word == "error-rate"]
    view = story.roster.view("larry", NOON + 6)
    assert told == (Fact.ALERT_FIRING, view.severities["error-rate"], None)


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


def test_a_reply_is_told_with_its_verb_and_id():
    story = Story()
    reply = {"verb": "health-check", "result": "done", "to": "01JZ0000000000000000000000"}
    events = story.hears(status(reply=reply))
    assert [(e.word, e.id) for e in events if e.fact is Fact.REPLY] == [
        ("health-check", "01JZ0000000000000000000000")
    ]
