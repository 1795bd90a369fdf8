"""What was told counts as told for good when the routes have it on disk, and not before."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain import alerts
from fleet.domain.alert import AlertGroup
from fleet.domain.alerts import AlertBook

CODE, CRITICAL = "process-down", Severity.CRITICAL


def after_a_kill(book: AlertBook) -> AlertBook:
    """The book of the hub that goes on with what this one had stored."""
    return AlertBook.of(filter(None, map(book.kept, [*book.alerts, *book.changed])))


def told(groups: list[AlertGroup]) -> list[tuple[str, str]]:
    return [(alert.agent, group.state.value) for group in groups for alert in group.alerts]


def test_a_beginning_that_no_route_has_is_told_by_the_next_hub_and_by_this_one_once() -> None:
    book = AlertBook()
    book.fire("ada", CODE, CRITICAL, 0)
    [group] = book.due(10)
    assert book.due(20) == []
    assert told(after_a_kill(book).due(20)) == [("ada", "firing")]
    book.settle(group)
    assert (CODE in str(book.changed), after_a_kill(book).due(20)) == (True, [])


def test_an_end_that_no_route_has_is_told_by_the_next_hub() -> None:
    book = AlertBook()
    book.fire("ada", CODE, CRITICAL, 0)
    book.settle(book.due(10)[0])
    book.resolve("ada", CODE, 20)
    [group] = book.due(30)
    assert told(after_a_kill(book).due(40)) == [("ada", "resolved")]
    book.settle(group)
    assert after_a_kill(book).due(40) == []


def test_the_end_of_what_left_is_kept_until_a_route_has_it() -> None:
    book = AlertBook()
    book.fire("ada", CODE, CRITICAL, 0)
    book.settle(book.due(10)[0])
    assert book.forget("ada", 20) == 1
    [group] = book.due(30)
    following = after_a_kill(book)
    following.forget_strangers(set(), 40)
    assert told(following.due(40)) == [("ada", "resolved")]
    book.settle(group)
    assert book.kept(("ada", CODE)) is None


def test_what_ended_while_its_beginning_was_on_the_way_is_told_of_both() -> None:
    book = AlertBook()
    book.fire("ada", CODE, CRITICAL, 0)
    [began] = book.due(10)
    book.resolve("ada", CODE, 20)
    [over] = book.due(30)
    assert told(after_a_kill(book).due(40)) == [("ada", "resolved")], "a route may have told more"
    book.settle(began)
    assert told(after_a_kill(book).due(40)) == [("ada", "resolved")]
    book.settle(over)
    assert after_a_kill(book).due(40) == []


def test_what_is_not_stored_yet_is_not_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its row would be deleted, of which the store is said to have the rest."""
    monkeypatch.setattr(alerts, "MAX_RESOLVED", 0)
    book = AlertBook()
    book.fire("ada", CODE, CRITICAL, 0)
    book.settle(book.due(10)[0])
    book.resolve("ada", CODE, 20)
    [group] = book.due(30)
    book.trim()
    assert book.kept(("ada", CODE)) is not None
    book.settle(group)
    book.changed.clear()
    book.trim()
    assert book.alerts == {}
