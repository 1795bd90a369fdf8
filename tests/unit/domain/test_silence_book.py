"""What is planned begins in time, what is of a group is of its members, what was ended stays so."""

from __future__ import annotations

from fleet.contract.vocabulary import Severity
from fleet.domain.alert import AlertGroup
from fleet.domain.alerts import AlertBook
from fleet.domain.apply_silences import apply_silences
from fleet.domain.hub_clock import Step
from fleet.domain.silence_book import SETTLE
from fleet.domain.silences import Silence, planned, window_id

WARNING = Severity.WARNING


def told(groups: list[AlertGroup]) -> list[str]:
    return [agent for group in groups for agent in group.agents]


def test_what_is_planned_holds_back_from_its_beginning_to_its_end() -> None:
    book = AlertBook()
    book.silence(Silence("later", 200, agent="ada", begins=100), now=0)
    book.fire("ada", "idle-cost", WARNING, 10)
    assert told(book.due(20)) == ["ada"]
    book.fire("ada", "disk-pressure", WARNING, 98)
    assert book.due(150) == []
    assert book.due(200 + SETTLE - 1) == []
    assert told(book.due(200 + SETTLE)) == ["ada"]
    assert book.lifted == ["later"]


def test_a_group_is_its_members() -> None:
    book = AlertBook()
    book.silence(Silence("web", 1000, scope="group:web", members=frozenset({"ada"})))
    for name in ("ada", "bob", ""):
        book.fire(name, "disk-pressure", WARNING, 10)
    assert sorted(told(book.due(20))) == ["", "bob"]


def test_a_plan_that_is_dropped_holds_nothing_back_and_is_erased() -> None:
    book = AlertBook()
    book.silence(Silence("later", 200, begins=100), now=0)
    assert book.lift("later", 50)
    assert (book.planned, book.lifted) == ({}, ["later"])
    book.fire("ada", "disk-pressure", WARNING, 110)
    assert told(book.due(120)) == ["ada"]


def test_a_window_that_somebody_ended_holds_nothing_back_until_it_would_have_ended() -> None:
    book, id_ = AlertBook(), window_id("weekly", 100)
    book.silence(Silence(id_, 1000, begins=100, ended=True), now=500)
    book.fire("ada", "disk-pressure", WARNING, 500)
    assert told(book.due(600)) == ["ada"]
    assert id_ in book.planned
    book.due(1000)
    assert book.planned == {}


def test_after_a_restart_it_holds_back_what_it_held_back() -> None:
    kept = Silence(planned("01KB5QZ2M4W3J8X7V6T5S4R3Q2"), 1000, agent="ada", begins=100)
    book = AlertBook.of([], [kept])
    book.fire("ada", "disk-pressure", WARNING, 200)
    assert book.due(300) == []
    assert list(book.silences) == [kept.id]


def test_a_step_of_the_clock_moves_what_began_and_not_what_is_set_for_a_time() -> None:
    begun = Silence(planned("01KB5QZ2M4W3J8X7V6T5S4R3Q2"), 300, begins=100)
    later, window = Silence("later", 900, begins=800), Silence(window_id("w", 100), 300, begins=100)
    book = AlertBook()
    for silence in (begun, later, window):
        book.silence(silence, now=200)
    [moved] = book.restamp(Step(50.0, 0.0, 200.0))
    assert (moved.id, moved.begins, moved.until) == (begun.id, 150, 350)


def test_a_silence_survives_json() -> None:
    whole = Silence(
        "maintenance-x", 2e9, "", "disk-pressure", "mia", "group:web", frozenset({"a", "b"}), 1e9
    )
    assert Silence.of(whole.as_dict()) == whole
    assert apply_silences([], [whole], 0) == []
