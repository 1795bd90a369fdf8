"""What a route sends is on disk before, as long as there is a disk that takes it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from fleet.notifier import delivery
from fleet.notifier.delivery import Delivery
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Route
from fleet.store.port import LeadershipLostError
from tests.support.waiting import eventually
from tests.unit.notifier.test_delivery import ROUTE, Receiver, group


class SlowDisk:
    """Takes a text when it is let, and says whether it has any."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.text = ""

    def read(self, parse: object) -> None:
        return None

    def write(self, text: str) -> None:
        self.let.wait(60)
        self.text = text


async def test_nothing_is_sent_that_is_not_kept(tmp_path: Path) -> None:
    disk, kept = SlowDisk(), list[bool]()

    def receive(_route: Route, told: Notification) -> None:
        kept.append(told.id in disk.text)

    one = Delivery(ROUTE, tmp_path, receive, disk)
    news = asyncio.create_task(one.enqueue(group()))
    task = asyncio.create_task(one.run())
    try:
        await asyncio.sleep(0.05)
        assert not kept
        disk.let.set()
        await eventually(lambda: kept)
    finally:
        disk.let.set()
        await news
        task.cancel()
        await asyncio.wait([task])
    assert kept == [True]


async def test_a_disk_that_takes_nothing_keeps_no_alert_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "KEPT_WITHIN", 0.05)
    disk, receiver = SlowDisk(), Receiver()
    one = Delivery(ROUTE, tmp_path, receiver, disk)
    news = asyncio.create_task(one.enqueue(group()))
    task = asyncio.create_task(one.run())
    try:
        await eventually(lambda: receiver.got)
    finally:
        disk.let.set()
        await news
        task.cancel()
        await asyncio.wait([task])


class Fenced(SlowDisk):
    """That of a hub that was stopped for longer than its lease: the next one has what is kept, and
    sends it."""

    def write(self, text: str) -> None:
        self.let.wait(60)
        raise LeadershipLostError("another hub leads", "", "")


async def test_a_hub_that_leads_no_more_sends_nothing(tmp_path: Path) -> None:
    disk, receiver = Fenced(), Receiver()
    one = Delivery(ROUTE, tmp_path, receiver, disk)
    news = asyncio.create_task(one.enqueue(group()))
    task = asyncio.create_task(one.run())
    disk.let.set()
    await news
    await asyncio.sleep(0.1)
    assert not receiver.got
    task.cancel()
    await asyncio.wait([task])


async def test_nor_does_one_that_was_stopped_while_it_waited_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "KEPT_WITHIN", 0.5)
    disk, receiver = Fenced(), Receiver()
    one = Delivery(ROUTE, tmp_path, receiver, disk)
    news = asyncio.create_task(one.enqueue(group()))
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0.1)
    time.sleep(1.5)  # noqa: ASYNC251 - as by SIGSTOP: nothing of this loop runs
    asyncio.get_running_loop().call_later(0.05, disk.let.set)
    await news
    await asyncio.sleep(0.1)
    assert not receiver.got
    task.cancel()
    await asyncio.wait([task])
