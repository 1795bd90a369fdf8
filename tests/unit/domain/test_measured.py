"""What a scrape is given of an agent says what the view of it says, in every situation."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.contract.vocabulary import Kind
from fleet.domain.enrolment import Enrolment
from fleet.domain.measured import Measured
from fleet.domain.roster import Roster
from tests.support.telemetry import NOON, Story, beat, status
from tests.unit.domain.test_order import Agent, stories

LISTS: list[Any] = [None, {}, {"larry": Enrolment()}, {"larry": Enrolment(kind=Kind.HERMES)}]


def of_view(roster: Roster, name: str, now: float) -> dict[str, Any]:
    view = roster.view(name, now)
    return {field: getattr(view, field) for field in Measured._fields}


@settings(max_examples=200, deadline=None)
@given(
    agent=stories(),
    listed=st.sampled_from(LISTS),
    later=st.sampled_from([0.0, 950.0, 1600.0]),
    stops=st.booleans(),
    error=st.sampled_from([0.0, 30.0, None]),
)
def test_it_is_the_view(
    agent: Agent, listed: Any, later: float, stops: bool, error: float | None
) -> None:
    roster = Roster(interval=600, enrolled=listed)
    story = Story(roster)
    for message, at in agent.told:
        story.hears(message, at=at)
    if stops:
        roster.stop_listening(agent.now)
    now = agent.now + later
    roster.know_clock_error(error, agent.now)
    roster.tick(now)
    for name in ("larry", "nobody"):
        assert roster.measured(name, now)._asdict() == of_view(roster, name, now)
        view = roster.view(name, now)
        counted = view.boot is not None and view.seq is not None
        assert roster.newest(name) == ((view.boot, view.seq) if counted else None)


def test_it_is_the_view_of_one_that_says_all_there_is() -> None:
    story = Story()
    story.hears(status(boot=5, seq=0, versions={"agent": "1.2", "runtime": "3"}, kind="nanobot"))
    numbers = {"memory_bytes": 2.5, "errors_total": 3}
    story.hears(beat(NOON - 7, boot=5, seq=4, checks={"disk": "warn"}, metrics=numbers, uptime=9.5))
    found = story.roster.measured("larry", NOON + 1)
    assert found._asdict() == of_view(story.roster, "larry", NOON + 1)
    assert (found.missing, found.metrics, found.uptime) == (3, numbers, 9.5)
