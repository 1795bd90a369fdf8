"""Many silences at once are the broker's or the network's, and it costs few views to know it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.domain.enrolment import Enrolment
from fleet.domain.failover.fleet_silence import QUIET, REMEMBERED, WINDOW, is_in_doubt
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON, Story, beat, status

INTERVAL = 600
STALE = NOON + 2.5 * INTERVAL + 5


def in_doubt(roster: Roster, now: float) -> bool:
    parts = roster.by_verdict()
    quiet = [roster.view(name, now) for of in QUIET for name in parts.get(of, ())]
    return is_in_doubt(quiet, roster.members_count, now)


def fleet(heard: dict[str, float], enrolled: dict[str, Enrolment] | None = None) -> Roster:
    roster = Roster(interval=INTERVAL, enrolled=enrolled)
    for name, at in heard.items():
        Story(roster, name).hears(beat(at), at=at)
    return roster


def ticked(roster: Roster, now: float) -> Roster:
    for second in range(int(NOON), int(now) + 1, 5):
        roster.tick(second)
    roster.tick(now)
    return roster


@pytest.mark.parametrize(("silent", "doubt"), [(1, False), (3, False), (4, True), (10, True)])
def test_more_than_three_in_ten_at_once_are_not_the_agents_own(silent: int, doubt: bool) -> None:
    heard = {f"a{n}": NOON if n < silent else STALE - 60 for n in range(10)}
    assert in_doubt(ticked(fleet(heard), STALE), STALE) is doubt


def test_who_is_no_member_counts_neither_way() -> None:
    heard = {f"a{n}": NOON for n in range(4)}
    listed = {f"a{n}": Enrolment() for n in range(1, 11)}
    assert not in_doubt(ticked(fleet(heard, listed), STALE), STALE)
    more = listed | {"a0": Enrolment()}
    assert in_doubt(ticked(fleet(heard, more), STALE), STALE)


@pytest.mark.parametrize("said", [True, False])
def test_a_goodbye_is_no_silence_and_a_last_will_is(said: bool) -> None:
    roster = Roster(interval=INTERVAL)
    for name in ("a0", "a1", "a2", "a3"):
        story = Story(roster, name)
        story.hears(beat(boot=5, seq=0))
        story.hears(status("offline", NOON + 1, boot=5, **({"seq": 1} if said else {})))
    assert in_doubt(roster, NOON + 2) is not said


def test_an_hour_later_each_silence_is_its_own() -> None:
    roster = ticked(fleet({f"a{n}": NOON for n in range(4)}), STALE)
    assert in_doubt(roster, STALE + REMEMBERED - WINDOW)
    assert not in_doubt(roster, STALE + REMEMBERED + WINDOW)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 4 * INTERVAL), min_size=1, max_size=8), st.floats(0, 3 * INTERVAL))
def test_whoever_is_silent_is_among_those_that_are_looked_at(
    heard: list[float], later: float
) -> None:
    now = NOON + 4 * INTERVAL + later
    roster = fleet({f"a{n}": NOON + at for n, at in enumerate(heard)})
    ticked(roster, now)
    parts = roster.by_verdict()
    looked_at = {name for of in QUIET for name in parts.get(of, ())}
    silent = {v.agent for v in roster.views(now) if v.state in (Verdict.STALE, Verdict.OFFLINE)}
    assert silent <= looked_at
