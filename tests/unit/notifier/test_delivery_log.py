"""Who was told of an alert, when, and what was answered: bounded, and kept over a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier import delivery, delivery_log
from fleet.notifier.delivery import Delivery
from fleet.notifier.delivery_log import DeliveryLog, LogEntry, Outcome
from fleet.notifier.notification import Notification
from fleet.notifier.refusals import Refusal, SendError
from fleet.notifier.routes import Channel, Route
from tests.support.waiting import eventually

ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")


def news(
    *agents: str, state: AlertState = AlertState.FIRING, code: str = "disk-pressure"
) -> Notification:
    alerts = tuple(Alert(name, code, Severity.WARNING, state, 1e9) for name in agents)
    return Notification.of(AlertGroup(code, state, Severity.WARNING, alerts))


def said(log: DeliveryLog) -> list[tuple[str, str, str, str]]:
    return [(one.agent, one.state.value, one.outcome.value, one.answer) for one in log]


async def deliver(one: Delivery, group: Notification, outcome: Outcome) -> None:
    task = asyncio.create_task(one.run())
    await one.enqueue(group)
    await eventually(lambda: any(entry.outcome is outcome for entry in one.log))
    task.cancel()
    await asyncio.wait({task})


async def test_what_a_receiver_answered_is_known_after_a_restart(tmp_path: Path) -> None:
    first = Delivery(ROUTE, tmp_path, lambda _route, _group: "HTTP 200: ok, Ada Lovelace")
    await deliver(first, news("ada"), Outcome.TAKEN)
    second = Delivery(ROUTE, tmp_path)
    second.restore()
    assert said(second.log) == [("ada", "firing", "taken", "HTTP 200")], "no text of the receiver's"


async def test_why_it_was_not_taken_is_told_while_it_waits_and_when_it_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FIRST", 0.001)
    refusals = [Refusal.AWAY]

    def refuse(_route: Route, _group: Notification) -> None:
        raise SendError("route oncall failed", "HTTP 503", refusal=refusals[0])

    one = Delivery(ROUTE, tmp_path, refuse)
    await deliver(one, news("ada"), Outcome.WAITING)
    assert said(one.log) == [("ada", "firing", "waiting", "HTTP 503")]
    refusals[0] = Refusal.REFUSED
    again = Delivery(ROUTE, tmp_path, refuse)
    again.restore()
    assert said(again.log) == said(one.log)
    await deliver(again, news("bob"), Outcome.SET_ASIDE)
    assert ("ada", "firing", "set-aside", "HTTP 503") in said(again.log)


def test_an_alert_has_one_entry_for_its_beginning_and_one_for_its_end() -> None:
    log = DeliveryLog()
    assert log.note(news("ada"), Outcome.WAITING, "HTTP 500", 1.0)
    assert not log.note(news("ada"), Outcome.WAITING, "HTTP 500", 2.0), "nothing new"
    assert log.note(news("ada"), Outcome.TAKEN, "HTTP 200", 3.0)
    assert log.note(news("ada", state=AlertState.RESOLVED), Outcome.TAKEN, "HTTP 200", 4.0)
    assert said(log) == [
        ("ada", "firing", "taken", "HTTP 200"),
        ("ada", "resolved", "taken", "HTTP 200"),
    ]


def test_the_oldest_go_and_of_whoever_left_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_log, "MAX_LOGGED", 2)
    known = {"ada", "bob", "eve"}
    log = DeliveryLog(known.__contains__)
    log.note(news("ada", "bob", "eve"), Outcome.TAKEN, "HTTP 200", 1.0)
    assert [one.agent for one in log] == ["bob", "eve"]
    known.remove("bob")
    log.note(news("", code="broker-down"), Outcome.TAKEN, "HTTP 200", 2.0)
    assert [one.agent for one in log] == ["eve", ""], "the hub's own alerts are of nobody"


def test_a_test_of_a_route_is_no_alert() -> None:
    log = DeliveryLog()
    assert not log.note(Notification.test(AlertState.FIRING, 1.0), Outcome.TAKEN, "HTTP 200", 1.0)
    assert len(log) == 0


def test_a_hub_that_reads_what_is_kept_shows_the_same_moment() -> None:
    log = DeliveryLog()
    for number in range(20):
        log.note(news(f"agent-{number}"), Outcome.TAKEN, "HTTP 200", 1e9 + number * 0.1236)
    kept = [LogEntry.from_json(one) for one in log.as_json()]
    assert [one.as_dict() for one in kept] == [one.as_dict() for one in log]
