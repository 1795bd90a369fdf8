"""What is told, critical and acknowledged by nobody is told further, once."""

from __future__ import annotations

from fleet.contract.vocabulary import Severity
from fleet.domain.alerts import AlertBook
from fleet.domain.escalation import grouped, is_overdue

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def overdue(book: AlertBook, now: float) -> list[str]:
    found = (a for a in book.firing() if is_overdue(a, "boss", 600, CRITICAL, now))
    return [agent for group in grouped(found) for agent in group.agents]


def test_what_nobody_acknowledged_is_overdue_from_when_it_was_told() -> None:
    book = AlertBook()
    for name in ("ada", "bob"):
        book.fire(name, "disk-pressure", CRITICAL, 0)
    book.fire("cyd", "disk-pressure", WARNING, 0)
    assert overdue(book, 1000) == []  # nobody was told yet
    book.due(1000)
    assert overdue(book, 1599) == []
    assert overdue(book, 1600) == ["ada", "bob"]
    book.acknowledge("ada", "disk-pressure", "mia", 1600)
    book.give(book.alerts["bob", "disk-pressure"], "boss")
    assert overdue(book, 2000) == []


def test_the_end_forgets_whom_it_was_given_to_once_it_was_told() -> None:
    book = AlertBook()
    book.fire("ada", "disk-pressure", CRITICAL, 0)
    book.due(10)
    book.give(book.alerts["ada", "disk-pressure"], "boss")
    book.resolve("ada", "disk-pressure", 20)
    [group] = book.due(30)
    assert group.alerts[0].routes == ("boss",)
    book.fire("ada", "disk-pressure", CRITICAL, 40)
    book.due(50)
    assert overdue(book, 649) == []
    assert overdue(book, 650) == ["ada"]


def test_what_came_and_went_untold_leaves_the_first_telling_as_it_was() -> None:
    book = AlertBook()
    book.fire("ada", "disk-pressure", CRITICAL, 0)
    book.due(10)
    book.give(book.alerts["ada", "disk-pressure"], "boss")
    book.resolve("ada", "disk-pressure", 20)
    book.fire("ada", "disk-pressure", CRITICAL, 22)
    book.due(40)
    assert book.alerts["ada", "disk-pressure"].routes == ("boss",)
    assert book.alerts["ada", "disk-pressure"].told_at == 10


def test_what_ends_while_it_is_given_to_a_route_ends_there_also_by_the_next_hub() -> None:
    book = AlertBook()
    book.fire("ada", "disk-pressure", CRITICAL, 0)
    book.due(10)
    book.resolve("ada", "disk-pressure", 11)
    book.give(book.alerts["ada", "disk-pressure"], "boss", is_told=False)
    kept = book.kept(("ada", "disk-pressure"))
    assert kept is not None
    [group] = AlertBook.of([kept]).due(20)
    assert group.alerts[0].may_be_known_to("boss")


def test_a_route_that_is_being_told_is_overdue_until_it_was() -> None:
    book = AlertBook()
    book.fire("ada", "disk-pressure", CRITICAL, 0)
    book.due(10)
    book.give(book.alerts["ada", "disk-pressure"], "boss", is_told=False)
    assert overdue(book, 1000) == ["ada"]
    book.give(book.alerts["ada", "disk-pressure"], "boss")
    assert overdue(book, 1000) == []
    assert book.alerts["ada", "disk-pressure"].routes == ("boss",)


def test_what_began_anew_while_a_route_was_given_it_is_not_what_it_was_given() -> None:
    book = AlertBook()
    book.fire("ada", "disk-pressure", CRITICAL, 0)
    book.due(10)
    first = book.alerts["ada", "disk-pressure"]
    book.give(first, "boss", is_told=False)
    book.resolve("ada", "disk-pressure", 20)
    book.due(30)
    book.fire("ada", "disk-pressure", CRITICAL, 40)
    book.due(50)
    book.give(first, "boss")
    assert overdue(book, 650) == ["ada"]
