"""The notifier hears of every alert group, whatever else the hub has to tell."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fleet.contract.vocabulary import AlertState, MessageKind, Severity
from fleet.domain.alerts import Alert, AlertGroup
from fleet.hub.counters import Counters
from fleet.hub.feed import QUEUE, Feed
from fleet.notifier.notification import Notification
from fleet.notifier.notifier import Notifier
from fleet.notifier.routes import Channel, Route
from fleet.store.records import StoredMessage
from tests.support.waiting import eventually

ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")
ALERT = Alert("ada", "process-down", Severity.CRITICAL, AlertState.FIRING, 1e9)
GROUP = AlertGroup("process-down", AlertState.FIRING, Severity.CRITICAL, (ALERT,))


async def test_a_burst_before_it_runs_pushes_no_alert_out(tmp_path: Path) -> None:
    feed, got = Feed(Counters()), list[str]()

    def receive(_route: Route, notification: Notification) -> None:
        got.append(notification.code)

    hub: Any = SimpleNamespace(settings=SimpleNamespace(home=tmp_path), feed=feed)
    notifier = Notifier(hub, [ROUTE], receive)
    feed.publish([GROUP])
    beat = StoredMessage(1, 1e9, "ada", MessageKind.HEARTBEAT, False, b"{}")
    feed.publish([beat] * (QUEUE + 1))
    task = asyncio.create_task(notifier.run())
    try:
        await eventually(lambda: got == ["process-down"])
    finally:
        task.cancel()
