"""A group is delivered once, whatever fails on the way and whoever restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alerts import Alert, AlertGroup
from fleet.notifier import delivery
from fleet.notifier.delivery import Delivery
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Channel, Route
from fleet.notifier.senders import SendError
from tests.support.waiting import eventually

ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST", 0.001)
    monkeypatch.setattr(delivery, "LONGEST", 0.01)


def group(
    code: str = "disk-pressure", since: float = 1e9, severity: Severity = Severity.WARNING
) -> Notification:
    alerts = tuple(Alert(name, code, severity, AlertState.FIRING, since) for name in ("ada", "bob"))
    return Notification.of(AlertGroup(code, AlertState.FIRING, severity, alerts))


class Receiver:
    """Fails `failures` times, then takes everything."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[str] = []

    def __call__(self, route: Route, group: Notification) -> None:
        if self.failures:
            self.failures -= 1
            raise SendError("route oncall failed", "HTTP 500")
        self.got.append(group.code)


async def during(one: Delivery, fact: Callable[[], object]) -> None:
    task = asyncio.create_task(one.run())
    try:
        await eventually(fact)
    finally:
        task.cancel()


async def test_it_is_tried_until_it_is_taken_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(failures=4)
    one = Delivery(ROUTE, tmp_path, receiver)
    await one.enqueue(group())
    await one.enqueue(group())
    with caplog.at_level(logging.WARNING):
        await during(one, lambda: receiver.got)
        await eventually(lambda: not len(one))
    assert (receiver.got, one.sent, one.failures) == (["disk-pressure"], 1, 4)
    assert one.working
    assert len(caplog.records) == 2, "once that it fails, once that it works again"


async def test_what_waits_survives_a_restart_and_what_was_told_is_not_told_again(
    tmp_path: Path,
) -> None:
    first = Delivery(ROUTE, tmp_path, Receiver())
    await first.enqueue(group("disk-pressure"))
    await during(first, lambda: not len(first))
    await first.enqueue(group("rate-limited"))

    receiver = Receiver()
    second = Delivery(ROUTE, tmp_path, receiver)
    second.restore()
    await second.enqueue(group("disk-pressure"))
    assert len(second) == 1
    await during(second, lambda: receiver.got)
    assert receiver.got == ["rate-limited"]


async def test_below_its_severity_a_route_hears_nothing(tmp_path: Path) -> None:
    route = Route("oncall", Channel.WEBHOOK, Severity.CRITICAL, "http://127.0.0.1:9/")
    one = Delivery(route, tmp_path, Receiver())
    await one.enqueue(group())
    assert len(one) == 0


async def test_the_queue_is_bounded_and_says_what_it_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_WAITING", 3)
    one = Delivery(ROUTE, tmp_path, Receiver())
    for since in range(5):
        await one.enqueue(group(since=1e9 + since))
    assert (len(one), one.dropped) == (3, 2)


async def test_a_damaged_file_is_no_reason_to_stay_silent(tmp_path: Path) -> None:
    (tmp_path / "oncall.json").write_text('{"waiting": [{}]}')
    receiver = Receiver()
    one = Delivery(ROUTE, tmp_path, receiver)
    one.restore()
    await one.enqueue(group())
    await during(one, lambda: receiver.got)


def test_a_group_is_read_back_as_it_was_written() -> None:
    one = group()
    assert Notification.from_json(one.as_json()) == one
    assert one.title == "disk-pressure (warning): ada, bob"
    assert one.meaning == "the disk is nearly full"


def test_the_same_news_has_the_same_id_and_other_news_another() -> None:
    assert group().id == group().id
    assert len({group().id, group(since=2e9).id, group("rate-limited").id}) == 3
