"""The notifier hears of every alert group, whatever else the hub has to tell."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.contract.vocabulary import AlertState, MessageKind, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.alerts import AlertBook
from fleet.domain.roster import Roster
from fleet.domain.silences import Silence
from fleet.hub.counters import Counters
from fleet.hub.feed import QUEUE, Feed
from fleet.notifier import notifier as notifier_module
from fleet.notifier.delivery import Delivery
from fleet.notifier.duty import duty_of
from fleet.notifier.notification import Notification
from fleet.notifier.notifier import Notifier
from fleet.notifier.routes import Channel, Route
from fleet.store.records import StoredMessage
from tests.support.waiting import eventually

ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")
ALERT = Alert("ada", "process-down", Severity.CRITICAL, AlertState.FIRING, 1e9)
GROUP = AlertGroup("process-down", AlertState.FIRING, Severity.CRITICAL, (ALERT,))

STORE = SimpleNamespace(leadership=None)


def due_alerts() -> Any:
    """What a hub calls so, which takes note of what counts as told."""
    settled = list[AlertGroup]()

    async def noted() -> bool:
        return True

    return SimpleNamespace(
        told=settled.append, settled=settled, has_routes=False, noted=noted, keep=lambda: None
    )


async def test_a_burst_before_it_runs_pushes_no_alert_out(tmp_path: Path) -> None:
    feed, got = Feed(Counters()), list[str]()

    def receive(_route: Route, notification: Notification) -> None:
        got.append(notification.code)

    home = SimpleNamespace(home=tmp_path)
    hub: Any = SimpleNamespace(settings=home, store=STORE, feed=feed, roster=Roster(),
                              due_alerts=due_alerts())  # fmt: skip
    notifier = Notifier(hub, [ROUTE], receive)
    feed.publish([GROUP])
    beat = StoredMessage(1, 1e9, "ada", MessageKind.HEARTBEAT, False, b"{}")
    feed.publish([beat] * (QUEUE + 1))
    task = asyncio.create_task(notifier.run())
    try:
        await eventually(lambda: got == ["process-down"])
    finally:
        task.cancel()


async def test_receivers_that_hang_delay_no_other_route(tmp_path: Path) -> None:
    """More of them than the loop has threads to lend."""
    feed, told, release = Feed(Counters()), threading.Event(), threading.Event()

    def receive(route: Route, _notification: Notification) -> None:
        if route.name == "whole":
            told.set()
        else:
            release.wait(60)

    hanging = [Route(f"hangs-{n}", Channel.WEBHOOK, url="http://127.0.0.1:9/") for n in range(40)]
    whole = Route("whole", Channel.WEBHOOK, url="http://127.0.0.1:9/")
    home = SimpleNamespace(home=tmp_path)
    hub: Any = SimpleNamespace(settings=home, store=STORE, feed=feed, roster=Roster(),
                              due_alerts=due_alerts())  # fmt: skip
    notifier = Notifier(hub, [*hanging, whole], receive)
    feed.publish([GROUP])
    task = asyncio.create_task(notifier.run())
    try:
        await eventually(told.is_set)
    finally:
        release.set()
        task.cancel()


async def test_what_is_silenced_is_not_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager is told again of what fires and is held back by nobody."""
    monkeypatch.setattr(notifier_module, "REPEAT", 0.01)
    got = list[str]()

    def receive(_route: Route, notification: Notification) -> None:
        got.append(",".join(member.agent for member in notification.members))

    told = [replace(ALERT, agent=name, notified=AlertState.FIRING) for name in ("ada", "bob")]
    book = AlertBook.of(told, [Silence("one", 2e9, agent="bob")])
    hub: Any = SimpleNamespace(
        settings=SimpleNamespace(home=tmp_path, tables={}),
        store=STORE,
        feed=Feed(Counters()),
        roster=Roster(),
        due_alerts=due_alerts(),
        committer=SimpleNamespace(book=book),
    )
    route = Route("prometheus", Channel.ALERTMANAGER, url="http://127.0.0.1:9/")
    task = asyncio.create_task(Notifier(hub, [route], receive).run())
    try:
        await eventually(lambda: len(got) > 2)
    finally:
        task.cancel()
    assert set(got) == {"ada"}


async def test_what_nobody_acknowledged_goes_to_the_next_route_and_so_does_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "LOOK", 0.01)
    got = list[tuple[str, str, str]]()

    def receive(route: Route, told: Notification) -> None:
        got.extend((route.name, told.state.value, member.agent) for member in told.members)

    book, feed, clock = AlertBook(), Feed(Counters()), [0.0]
    for name in ("ada", "bob"):
        book.fire(name, "process-down", Severity.CRITICAL, 0)
    committer = SimpleNamespace(book=book, now=lambda: clock[0])
    home = SimpleNamespace(home=tmp_path)
    hub: Any = SimpleNamespace(
        settings=home, store=STORE, feed=feed, roster=Roster(), committer=committer,
        due_alerts=due_alerts(),
    )  # fmt: skip
    boss = Route("boss", Channel.WEBHOOK, Severity.CRITICAL, url="http://127.0.0.1:9/", after=600.0)
    task = asyncio.create_task(Notifier(hub, [ROUTE, boss], receive).run())
    try:
        feed.publish(list(book.due(10)))
        await eventually(lambda: len(got) == 2)
        book.acknowledge("ada", "process-down", "mia", 20)
        clock[0] = 610.0
        await eventually(lambda: ("boss", "firing", "bob") in got)
        for name in ("ada", "bob"):
            book.resolve(name, "process-down", 620)
        feed.publish(list(book.due(630)))
        await eventually(lambda: ("boss", "resolved", "bob") in got)
    finally:
        task.cancel()
    assert [one for one in got if one[0] == "boss"] == [
        ("boss", "firing", "bob"),
        ("boss", "resolved", "bob"),
    ]


async def test_an_alert_that_gets_worse_is_told_again_by_a_route_that_was_told_of_it(
    tmp_path: Path,
) -> None:
    got = list[str]()
    delivery = Delivery(ROUTE, tmp_path, lambda _route, told: got.append(told.severity.value))
    book = AlertBook()
    task = asyncio.create_task(delivery.run())
    try:
        for number, severity in enumerate((Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL)):
            book.fire("ada", "disk-pressure", severity, 1000.0 * number)
            for group in book.due(1000.0 * number + 500):
                await delivery.enqueue(Notification.of(group, Roster().failing))
        await eventually(lambda: got == ["warning", "critical"])
    finally:
        task.cancel()


async def test_an_alert_that_ends_while_it_is_given_to_a_route_ends_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "LOOK", 0.01)
    got = list[str]()
    saved = asyncio.Event()

    async def slow(delivery: Delivery, told: Notification) -> None:
        await enqueue(delivery, told)
        if told.state is AlertState.FIRING:
            await saved.wait()  # a disk that takes its time

    enqueue = Delivery.enqueue
    monkeypatch.setattr(Delivery, "enqueue", slow)
    book, feed, clock = AlertBook(), Feed(Counters()), [0.0]
    book.fire("bob", "process-down", Severity.CRITICAL, 0)
    committer = SimpleNamespace(book=book, now=lambda: clock[0])
    hub: Any = SimpleNamespace(
        settings=SimpleNamespace(home=tmp_path), store=STORE, feed=feed, roster=Roster(),
        committer=committer, due_alerts=due_alerts(),
    )  # fmt: skip
    boss = Route("boss", Channel.WEBHOOK, Severity.CRITICAL, url="http://127.0.0.1:9/", after=600.0)
    notifier = Notifier(hub, [boss], lambda _route, told: got.append(told.state.value))
    task = asyncio.create_task(notifier.run())
    try:
        list(book.due(10))
        clock[0] = 610.0
        await eventually(lambda: got == ["firing"])
        book.resolve("bob", "process-down", 620)
        feed.publish(list(book.due(630)))
        await eventually(lambda: got == ["firing", "resolved"])
    finally:
        saved.set()
        task.cancel()


@pytest.mark.parametrize("after", [0.0, 600.0])
async def test_what_is_given_at_once_to_a_route_that_chooses_waits_for_one_note(
    tmp_path: Path, after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may take seconds for each."""
    monkeypatch.setattr(notifier_module, "LOOK", 0.01)
    got, notes, note = list[str](), list[int](), asyncio.Event()

    async def noted() -> bool:
        notes.append(1)
        return await note.wait()

    book, feed, clock = AlertBook(), Feed(Counters()), [0.0]
    codes = [f"process-down-{number}" for number in range(20)]
    for code in codes:
        book.fire("ada", code, Severity.CRITICAL, 0)
    telling = due_alerts()
    telling.noted = noted
    hub: Any = SimpleNamespace(
        settings=SimpleNamespace(home=tmp_path), store=STORE, feed=feed, roster=Roster(),
        committer=SimpleNamespace(book=book, now=lambda: clock[0]), due_alerts=telling,
    )  # fmt: skip
    duty = None if after else duty_of("00:00-24:00", "", "")
    boss = Route("boss", Channel.WEBHOOK, url="http://127.0.0.1:9/", after=after, duty=duty)
    notifier = Notifier(hub, [boss], lambda _route, told: got.append(told.code))
    feed.publish(list(book.due(10)))
    task = asyncio.create_task(notifier.run())
    try:
        await eventually(lambda: after or notes)
        clock[0] = 1000.0
        await eventually(lambda: notes)
        note.set()
        await eventually(lambda: sorted(got) == sorted(codes))
    finally:
        task.cancel()
    assert len(notes) == 1


async def test_a_digest_is_sent_once_with_what_was_gathered(tmp_path: Path) -> None:
    got = list[Notification]()
    route = Route("chat", Channel.WEBHOOK, url="http://127.0.0.1:9/", digest=0.3)
    delivery = Delivery(route, tmp_path, lambda _route, told: got.append(told))
    for name in ("ada", "bob"):
        quiet = replace(ALERT, agent=name, severity=Severity.INFO)
        group = AlertGroup("idle-cost", AlertState.FIRING, Severity.INFO, (quiet,))
        await delivery.enqueue(Notification.of(group))
    await delivery.enqueue(Notification.of(GROUP))
    again = Delivery(route, tmp_path, lambda _route, told: got.append(told))
    again.restore()
    task = asyncio.create_task(again.run())
    try:
        await eventually(lambda: len(got) == 2)
    finally:
        task.cancel()
    assert {one.title for one in got} == {
        "process-down (critical): ada",
        "digest (info): ada: idle-cost, bob: idle-cost",
    }
