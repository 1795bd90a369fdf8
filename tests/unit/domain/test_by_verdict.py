"""Everyone by verdict, kept from one question to the next, is what one pass over all would find."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.domain.by_verdict import MOST_MOVED, ByVerdict
from fleet.domain.enrolment import Enrolment
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON, Story, beat

NAMES = [f"a{number}" for number in range(8)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Verdict)), st.booleans())))
def test_who_moved_stands_where_one_pass_would_put_it(changes: list[Any]) -> None:
    records = {name: SimpleNamespace(verdict=Verdict.OK) for name in NAMES[1:]}
    kept = ByVerdict()
    kept.of(NAMES, records)
    for name, verdict, asks in changes:
        if name in records:
            kept.note(name, records[name].verdict)
            records[name].verdict = verdict
        if asks:
            assert kept.of(NAMES, records) == ByVerdict().of(NAMES, records)
    assert kept.of(NAMES, records) == ByVerdict().of(NAMES, records)


def test_more_than_are_worth_moving_are_all_found_again() -> None:
    names = [f"a{number:04}" for number in range(2 * MOST_MOVED)]
    records = {name: SimpleNamespace(verdict=Verdict.OK) for name in names}
    kept = ByVerdict()
    for changed in (names, names[::2], names[:MOST_MOVED]):
        for name in changed:
            kept.note(name, records[name].verdict)
            records[name].verdict = Verdict.LATE if name in changed[::3] else Verdict.OK
        assert kept.of(names, records) == ByVerdict().of(names, records)


ACTS = st.one_of(
    st.tuples(st.just("hear"), st.sampled_from(NAMES), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 12.0, 20.0])),
    st.tuples(st.sampled_from(["stop", "resume"])),
    st.tuples(st.just("forget"), st.sampled_from(NAMES)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("enrol"), st.none() | st.sets(st.sampled_from(NAMES))),
    st.tuples(st.just("keep")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTS, max_size=30))
def test_a_roster_tells_of_all_together_what_it_tells_of_each(acts: list[Any]) -> None:
    roster, now = Roster(interval=10), NOON
    for act, *values in acts:
        match act:
            case "hear":
                Story(roster, values[0]).hears(beat(now, ok=values[1]), at=now)
            case "wait":
                now += values[0]
                roster.tick(now)
            case "stop":
                roster.stop_listening(now)
            case "resume":
                roster.resume_listening(now)
            case "forget":
                roster.forget(values[0])
            case "rename":
                roster.rename(*values, at=now)
            case "enrol":
                listed = None if values[0] is None else dict.fromkeys(values[0], Enrolment())
                roster.enrol(listed, at=now)
            case "keep":
                roster.load(list(roster.dump()))
        each = {name: roster.verdict(name) for name in sorted(roster.names())}
        told = {name: of for of, names in roster.by_verdict().items() for name in names}
        assert told == each
        assert all(names == sorted(names) for names in roster.by_verdict().values())
        assert Counter(each.values()) == {v: n for v, n in roster.counts().items() if n}


def test_while_nobody_listens_the_parts_are_made_once() -> None:
    roster = Roster(interval=10)
    for name in NAMES:
        Story(roster, name).hears(beat(NOON), at=NOON)
    roster.stop_listening(NOON)
    roster.tick(NOON + 30.0)
    parts = roster.by_verdict()
    assert parts == {Verdict.UNKNOWN: NAMES}
    assert roster.by_verdict() is parts
    Story(roster, NAMES[0]).hears(beat(NOON + 31.0), at=NOON + 31.0)
    assert roster.by_verdict() == {Verdict.OK: NAMES[:1], Verdict.UNKNOWN: NAMES[1:]}
