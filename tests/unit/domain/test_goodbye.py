"""A clean stop and a death are both offline; only the death is critical."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain.alerts import GROUP_WAIT, AlertBook
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster
from tests.support.telemetry import NOON, Story, beat, status


def raised(events: list[Event]) -> list[tuple[str, Severity | None]]:
    return [(e.word, e.severity) for e in events if e.fact is Fact.ALERT_FIRING]


def is_goodbye(story: Story) -> bool:
    return story.roster.view("larry", NOON).goodbye


WARNED = [("agent-offline", Severity.WARNING)]
ALARMED = [("agent-offline", Severity.CRITICAL)]


@pytest.mark.parametrize("retained", [False, True])
def test_a_numbered_offline_is_a_goodbye_and_one_without_a_number_is_the_will(retained: bool):
    for fields, told in (({"seq": 2}, WARNED), ({}, ALARMED)):
        story = Story()
        story.hears(status(boot=5, seq=0))
        story.hears(beat(boot=5, seq=1))
        assert raised(story.hears(status("offline", boot=5, **fields), retained=retained)) == told
        assert is_goodbye(story) is (told == WARNED)


def test_an_unnumbered_offline_is_a_goodbye_if_it_was_said_after_the_rest():
    for ts, told in ((NOON + 1, WARNED), (NOON, ALARMED), (NOON - 60, ALARMED)):
        story = Story()
        story.hears(beat())
        assert raised(story.hears(status("offline", ts))) == told


def test_an_offline_of_which_nothing_else_is_known_counts_as_a_death():
    assert raised(Story().hears(status("offline"))) == ALARMED


def test_a_will_behind_the_goodbye_takes_nothing_back():
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(status("offline", boot=5, seq=1))
    assert raised(story.hears(status("offline", boot=5))) == []
    assert is_goodbye(story)


def test_the_next_session_is_told_anew():
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(status("offline", boot=5, seq=1))
    story.hears(status(boot=6, seq=0))
    assert not is_goodbye(story)
    assert raised(story.hears(status("offline", boot=6))) == ALARMED


def test_a_restart_of_the_hub_knows_how_an_agent_went():
    story = Story()
    story.hears(status(boot=5, seq=0))
    story.hears(status("offline", boot=5, seq=1))
    again = Roster(interval=10)
    again.load(story.roster.dump())
    assert again.view("larry", NOON).goodbye
    assert again.view("larry", NOON).as_dict()["goodbye"] is True


def test_a_retained_beat_behind_the_goodbye_takes_nothing_back():
    story = Story()
    story.hears(status("offline", boot=5, seq=9), retained=True)
    story.hears(beat(NOON - 5, boot=5, seq=8, ok=False), retained=True)
    assert is_goodbye(story)


def test_who_dies_after_a_goodbye_is_critical_in_the_book_and_told_again():
    story, book = Story(), AlertBook()
    story.hears(status(boot=5, seq=0))
    for event in story.hears(status("offline", boot=5, seq=1)):
        book.apply(event)
    [told] = book.due(NOON + GROUP_WAIT)
    assert told.severity is Severity.WARNING
    for event in story.hears(status("offline", boot=6)):
        book.apply(event)
    [alert] = book.firing("larry")
    assert alert.severity is story.roster.view("larry", NOON).severities[alert.code]
    [worse] = book.due(NOON + GROUP_WAIT + 1)
    assert worse.severity is Severity.CRITICAL
