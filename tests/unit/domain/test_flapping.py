"""What comes and goes is told once as flapping, and once when it has settled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.contract.vocabulary import Severity
from fleet.domain.alert import Alert
from fleet.domain.alerts import GROUP_WAIT, AlertBook
from fleet.domain.flapping import DEFAULT, REPEAT, FlapLimits, Flaps
from fleet.domain.hub_clock import Step
from fleet.domain.silences import Silence

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
Told = tuple[int, str, str]


def toggled(
    book: AlertBook, every: int, until: int, *, code: str = "disk-pressure", severity=WARNING
) -> list[Told]:
    """What is told, second by second, of an alert that changes `every` so many seconds."""
    told = []
    for now in range(until):
        if now % every == 0:
            if now // every % 2:
                book.resolve("ada", code, now)
            else:
                book.fire("ada", code, severity, now)
        told += [(now, one.state.value, one.flap.value) for one in book.due(now)]
    return told


def watched(book: AlertBook, since: int, until: int) -> list[Told]:
    return [
        (now, one.state.value, one.flap.value)
        for now in range(since, until)
        for one in book.due(now)
    ]


@pytest.mark.parametrize("code", ["disk-pressure", "agent-offline"])
def test_what_toggles_each_seven_seconds_is_told_as_flapping_once(code: str) -> None:
    book = AlertBook()
    told = toggled(book, 7, 600, code=code)
    assert told == [
        (5, "firing", ""),
        (12, "resolved", ""),
        (19, "firing", ""),
        (26, "resolved", ""),
        (28, "firing", "flapping"),
    ]


def test_what_toggles_each_second_is_told_within_the_usual_time() -> None:
    assert toggled(AlertBook(), 1, 300) == [(GROUP_WAIT, "firing", "flapping")]


@pytest.mark.parametrize("state", ["firing", "resolved"])
def test_that_it_has_settled_is_told_once_with_the_state_it_has(state: str) -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    if state == "firing":
        book.fire("ada", "disk-pressure", WARNING, 60)
    told = watched(book, 61, 2000)
    assert [one[1:] for one in told] == [(state, "settled")]
    changed = book.alerts["ada", "disk-pressure"].since
    assert told[0][0] == changed + DEFAULT.calm


def test_three_times_in_a_day_is_no_flapping() -> None:
    told = toggled(AlertBook(), 3600, 20_000)
    assert [one[1:] for one in told] == [("firing", ""), ("resolved", "")] * 3


def test_a_critical_alert_that_flaps_is_told_again_until_somebody_looks() -> None:
    book = AlertBook()
    told = toggled(book, 2, 2 * int(REPEAT) + 60, severity=CRITICAL)
    assert [one[2] for one in told] == ["flapping"] * 3
    book.acknowledge("ada", "disk-pressure", "mia", 2 * REPEAT + 60)
    begin = 2 * int(REPEAT) + 60
    for now in range(begin, begin + 2 * int(REPEAT)):
        (book.fire("ada", "disk-pressure", CRITICAL, now) if now % 2 else
         book.resolve("ada", "disk-pressure", now))  # fmt: skip
        assert not book.due(now)
    assert book.alerts["ada", "disk-pressure"].acknowledged_by == "mia"


def test_a_warning_that_flaps_is_told_again_when_it_grows_worse() -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    book.fire("ada", "disk-pressure", CRITICAL, 60)
    assert [(one.severity, one.flap) for one in book.due(60)] == [(CRITICAL, "flapping")]


def test_a_silence_holds_it_back_and_what_flaps_still_is_told_afterwards() -> None:
    book = AlertBook()
    book.silence(Silence("one", 100, agent="ada"))
    assert [one[2] for one in toggled(book, 1, 300)] == ["flapping"]


def test_it_stands_at_every_door_while_it_flaps_and_not_after() -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    assert not book.alerts["ada", "disk-pressure"].firing
    assert [alert.code for alert in book.firing()] == ["disk-pressure"]
    watched(book, 60, 1000)
    assert book.firing() == []


def test_a_restart_tells_nothing_again() -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    again = AlertBook.of(book.alerts.values())
    assert [one[2] for one in watched(again, 60, 1000)] == ["settled"]


def test_the_end_of_an_agent_that_left_is_told() -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    book.forget("ada", 60)
    assert [one[1:] for one in watched(book, 60, 1000)] == [("resolved", "")]
    assert not book.alerts


def test_a_step_of_the_clock_ends_and_begins_nothing() -> None:
    book = AlertBook()
    toggled(book, 1, 60)
    book.restamp(Step(1e6, -1.0, 60.0))
    assert book.due(60 + 1e6) == []


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=60))
def test_of_an_alert_only_the_last_beginnings_are_kept(steps: list[tuple[float, bool]]) -> None:
    book, now = AlertBook(limits=FlapLimits(times=4, window=100)), 0.0
    for pause, fires in steps:
        now += pause
        if fires:
            book.fire("ada", "disk-pressure", CRITICAL, now)
        else:
            book.resolve("ada", "disk-pressure", now)
        book.due(now)
    kept: list[Alert] = list(book.alerts.values())
    assert all(len(one.flaps.begun) <= 4 for one in kept)
    assert all(Flaps.from_json(one.flaps.as_json()) == one.flaps for one in kept)
