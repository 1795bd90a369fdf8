"""The fleet as a whole: silence, ghosts, groups, views, and what a restart brings back."""

from __future__ import annotations

import json
from collections import Counter

from fleet.contract.messages import Heartbeat
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


def test_a_flood_of_names_is_bounded_where_nobody_keeps_a_list():
    roster = Roster(max_unlisted=3)
    for number in range(5):
        address = Address(f"invented-{number}", MessageKind.HEARTBEAT)
        events = roster.observe(address, beat(), at=NOON)
    assert facts(events) == [Fact.CROWDED]
    assert sorted(roster.names()) == ["invented-0", "invented-1", "invented-2"]
    known = roster.observe(Address("invented-0", MessageKind.HEARTBEAT), beat(), at=NOON + 1)
    assert Fact.CROWDED not in facts(known)


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
    again.load(roster.dump())
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
    story.roster.stop_listening(NOON + 5)
    assert story.waits(NOON + 1000) == []
    assert story.state(NOON + 1000) == "unknown"
    story.hears(beat(NOON + 1000), at=NOON + 1001)
    assert story.roster.resume_listening(NOON + 1002) == []
    assert story.state(NOON + 1002) == "ok"


def test_who_would_be_silent_by_now_is_unknown_while_nobody_listens():
    """At every door, without an event, and whatever was wrong before stays wrong."""
    roster = Roster(interval=10)
    for name, message in (("well", beat()), ("bad", beat(ok=False)), ("slow", beat(interval=600))):
        Story(roster, name).hears(message)
    roster.stop_listening(NOON + 5)

    def told(now: float) -> dict[str, str]:
        assert roster.tick(now) == []
        found = {view.agent: view.state.value for view in roster.views(now)}
        assert found == {name: roster.verdict(name).value for name in roster.names()}
        counts = {state.value: n for state, n in roster.counts().items() if n}
        assert counts == Counter(found.values())
        return found

    assert told(NOON + 6) == {"well": "ok", "bad": "degraded", "slow": "ok"}
    assert told(NOON + 100) == {"well": "unknown", "bad": "degraded", "slow": "ok"}
    assert told(NOON + 1000) == {"well": "unknown", "bad": "degraded", "slow": "unknown"}
    Story(roster, "slow").hears(beat(NOON + 1001, interval=600), at=NOON + 1001)
    assert told(NOON + 1002) == {"well": "unknown", "bad": "degraded", "slow": "ok"}
    events = roster.resume_listening(NOON + 1003)
    assert sorted(words(events, Fact.VERDICT)) == ["stale", "stale"]
    assert told(NOON + 1004) == {"well": "stale", "bad": "stale", "slow": "ok"}
    assert roster.unheard == set()


def test_a_link_lost_between_two_looks_leaves_what_the_last_one_found():
    roster = Roster(interval=10)
    for name, ok in (("well", True), ("bad", False)):
        Story(roster, name).hears(beat(ok=ok))
    now = NOON + 25  # later than late, and nobody has looked
    roster.stop_listening(now)
    assert roster.tick(now + 1) == []
    for name, state in (("well", Verdict.UNKNOWN), ("bad", Verdict.DEGRADED)):
        assert roster.signs(name, now + 1)[:2] == (state, frozenset())
        assert (roster.verdict(name), roster.view(name, now + 1).alerts) == (state, ())
        assert roster.measured(name, now + 1).state is state


def test_a_first_start_knows_nothing_of_whom_it_only_finds_retained():
    story = Story()
    story.roster.stop_listening(float("-inf"))
    story.hears(beat(NOON - 600), retained=True)
    assert story.state(NOON) == "unknown"
    assert words(story.roster.resume_listening(NOON + 5), Fact.VERDICT) == ["stale"]


def test_who_stays_silent_after_the_hub_listens_again_is_told():
    story = Story()
    story.hears(beat())
    story.roster.stop_listening(NOON + 5)
    assert words(story.roster.resume_listening(NOON + 1002), Fact.VERDICT) == ["stale"]


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
    frozen = json.loads(json.dumps(list(story.roster.dump())))
    other = Roster(interval=10)
    other.load(frozen)
    assert other.view("larry", NOON).as_dict() == story.roster.view("larry", NOON).as_dict()
    assert list(other.dump()) == list(story.roster.dump())
    assert words(other.tick(NOON + 13), Fact.VERDICT) == ["late"]


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


def test_a_forgotten_agent_is_never_heard_and_one_that_speaks_begins_anew():
    story = Story()
    story.hears(beat(alerts=["disk-pressure"]))
    story.roster.forget("larry")
    assert "larry" not in story.roster
    assert words(story.waits(NOON + 1000), Fact.ALERT_FIRING) == []
    story.hears(beat(NOON + 2000), at=NOON + 2000)
    view = story.roster.view("larry", NOON + 2000)
    assert (view.state, view.alerts) == (Verdict.OK, ())


def test_a_forgotten_ghost_makes_room_for_another():
    roster = Roster(enrolled={})
    for number in range(MAX_GHOSTS):
        roster.observe(Address(f"ghost-{number}", MessageKind.HEARTBEAT), beat(), at=NOON)
    roster.forget("ghost-0")
    events = roster.observe(Address("another", MessageKind.HEARTBEAT), beat(), at=NOON)
    assert Fact.CROWDED not in facts(events)


def test_a_renamed_agent_is_as_it_was_and_goes_silent_under_its_new_name():
    story = Story()
    story.hears(beat(boot=3, seq=0, alerts=["idle-cost"]))
    assert story.roster.rename("larry", "moe", at=NOON + 1) == []
    assert story.roster.names() == {"moe"}
    assert story.roster.view("moe", NOON + 1).alerts == ("idle-cost",)
    late = [event.agent for event in story.waits(NOON + 100) if event.fact is Fact.VERDICT]
    assert set(late) == {"moe"}


def test_a_member_that_is_renamed_to_a_stranger_is_a_ghost():
    story = Story(Roster(interval=10, enrolled={"larry": Enrolment()}))
    story.hears(beat())
    events = story.roster.rename("larry", "moe", at=NOON) or []
    assert words(events, Fact.ALERT_FIRING) == ["agent-ghost"]
    assert story.roster.counts()[Verdict.GHOST] == 1


def test_who_was_heard_by_its_new_name_stays_as_it_says():
    roster = Roster(interval=10)
    Story(roster, "larry").hears(beat(ok=False))
    Story(roster, "moe").hears(beat())
    assert roster.rename("larry", "moe", at=NOON) is None
    assert roster.rename("nobody", "curly", at=NOON) is None
    assert roster.names() == {"moe"}
    assert roster.view("moe", NOON).state is Verdict.OK


def test_the_order_of_names_is_made_once_until_somebody_comes_or_goes() -> None:
    roster = Roster(interval=10)
    beat = Heartbeat(ok=True, ts=timestamp(1.0))
    for name in ("bob", "ada"):
        roster.observe(Address(name, MessageKind.HEARTBEAT), beat, at=1.0)
    known = roster.in_order()
    roster.observe(Address("bob", MessageKind.HEARTBEAT), beat, at=2.0)
    assert roster.in_order() is known
    assert roster.by_verdict() == {Verdict.OK: ["ada", "bob"]}
    roster.forget("ada")
    assert roster.in_order() == ["bob"]


def test_the_order_of_names_is_made_anew_with_a_list_of_those_who_were_not_heard() -> None:
    roster = Roster(interval=10)
    assert roster.in_order() == []
    roster.become([], {"ada": Enrolment()})
    assert roster.in_order() == ["ada"]
    assert roster.counts()[Verdict.UNKNOWN] == 1
