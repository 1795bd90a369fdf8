"""Alerts as HTTP lists them: a page at a time, with their limit and with who was told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fleet.api.agent_lists import Shown
from fleet.api.alert_list import AlertList, Deliveries
from fleet.api.backend import AlertQuery
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert
from fleet.domain.alerts import AlertBook
from fleet.domain.silences import Silence
from fleet.notifier.delivery_log import LogEntry, Outcome

NOON = 1_800_000_000.0
FIRING, OVER = AlertState.FIRING, AlertState.RESOLVED


def listing(*alerts: Alert, silences: tuple[Silence, ...] = ()) -> AlertList:
    roster = SimpleNamespace(threshold=lambda *_: 90.0, failing=lambda _: ("disk",))
    committer = SimpleNamespace(book=AlertBook.of(alerts, silences))
    hub: Any = SimpleNamespace(roster=roster, committer=committer)
    return AlertList(lambda: [Shown("", hub)])


def alert(agent: str, state: AlertState, at: float, code: str = "disk-pressure") -> Alert:
    return Alert(agent, code, Severity.WARNING, state, at, value=91.0)


def entry(state: AlertState, since: float, agent: str = "ada") -> LogEntry:
    code, at = "disk-pressure", since + 5
    return LogEntry(agent, code, state, timestamp(since), at, Outcome.TAKEN, "HTTP 200")


def told(alert_: Alert, *entries: LogEntry) -> list[tuple[str, str]]:
    deliveries: Deliveries = {"oncall": list(entries)}
    [shown], _ = listing(alert_).page(AlertQuery(history=True, told=True), deliveries)
    return [(one["state"], one["since"]) for one in shown["told"]]


def test_what_is_over_comes_a_page_at_a_time_the_newest_first() -> None:
    over = [alert(f"agent-{n}", OVER, NOON + n // 2) for n in range(5)]
    book = listing(alert("ada", FIRING, NOON), *over)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        wanted = AlertQuery(history=True, limit=2, cursor=cursor)
        found, cursor = book.page(wanted, None)
        seen += [one["agent"] for one in found]
        pages += 1
    assert seen == ["ada", "agent-4", "agent-2", "agent-3", "agent-0", "agent-1"]
    assert pages == 3


def test_a_page_may_end_with_a_site_that_was_lost() -> None:
    over = [alert(name, OVER, NOON, "site-lost") for name in ("site:lima", "site:oslo")]
    book = listing(*over)
    [first], cursor = book.page(AlertQuery(history=True, limit=1), None)
    assert cursor
    [second], _ = book.page(AlertQuery(history=True, limit=1, cursor=cursor), None)
    assert [first["agent"], second["agent"]] == ["site:lima", "site:oslo"]


def test_of_another_sites_alert_its_own_hub_knows_who_was_told() -> None:
    committer = SimpleNamespace(book=AlertBook.of([alert("ada", FIRING, NOON)], ()))
    roster = SimpleNamespace(threshold=lambda *_: None, failing=lambda _: ())
    hub: Any = SimpleNamespace(roster=roster, committer=committer)
    shown = AlertList(lambda: [Shown("lima", hub)])
    [row], _ = shown.page(AlertQuery(told=True), {"oncall": [entry(FIRING, NOON)]})
    assert row["site"] == "lima"
    assert "told" not in row


@pytest.mark.parametrize("cursor", ["nonsense", "1.0_x", "a_b_c", "1.0_x_Not-A-Name"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        listing().page(AlertQuery(history=True, cursor=cursor), None)


def test_an_alert_comes_with_its_limit_and_until_when_it_is_silenced() -> None:
    silences = (Silence("one", NOON + 60, "ada"), Silence("two", NOON + 600))
    [shown], _ = listing(alert("ada", FIRING, NOON), silences=silences).page(AlertQuery(), None)
    assert (shown["value"], shown["threshold"]) == (91.0, 90.0)
    assert (shown["silenced"], shown["silenced_until"]) == (True, timestamp(NOON + 600))


def test_who_was_told_is_told_of_this_time_alone() -> None:
    fires = alert("ada", FIRING, NOON)
    assert told(fires, entry(FIRING, NOON)) == [("firing", timestamp(NOON))]
    assert told(fires, entry(FIRING, NOON - 900), entry(OVER, NOON - 600)) == []
    assert told(fires, entry(FIRING, NOON, "bob")) == []


def test_of_what_is_over_beginning_and_end_are_told() -> None:
    over = alert("ada", OVER, NOON)
    assert told(over, entry(FIRING, NOON - 60), entry(OVER, NOON)) == [
        ("firing", timestamp(NOON - 60)),
        ("resolved", timestamp(NOON)),
    ]
    assert told(over, entry(FIRING, NOON - 60)) == [("firing", timestamp(NOON - 60))]
    assert told(over, entry(FIRING, NOON - 900), entry(OVER, NOON - 600)) == []
