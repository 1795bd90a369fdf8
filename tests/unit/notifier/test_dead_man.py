"""The monitor elsewhere hears that the hub began, that it is well, and what keeps it from that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.domain.alerts import AlertBook
from fleet.hub.committer import HUB
from fleet.hub.counters import Counters
from fleet.notifier.dead_man import DeadMan, PingTarget, target_of
from tests.support.prometheus import Webhook
from tests.support.waiting import eventually


def hub() -> Any:
    return SimpleNamespace(committer=SimpleNamespace(book=AlertBook()), counters=Counters())


async def test_it_says_start_well_and_fail_with_the_code() -> None:
    served = hub()
    with Webhook() as monitor:
        dead_man = DeadMan(served, PingTarget(f"{monitor.url}/ping/secret", every=0.02))
        task = asyncio.create_task(dead_man.run())

        def heard(path: str, body: bytes) -> bool:
            return any((one[0], one[2]) == (f"/ping/secret{path}", body) for one in monitor.posts)

        try:
            await eventually(lambda: heard("", b""))
            assert monitor.posts[0][0] == "/ping/secret/start"
            served.committer.book.fire(HUB, HubAlertCode.BROKER_DOWN, Severity.CRITICAL, 0)
            await eventually(lambda: heard("/fail", b"broker-down"))
            served.counters.paused = True
            await eventually(lambda: heard("/fail", b"intake-paused"))
        finally:
            task.cancel()


async def test_a_monitor_that_is_away_is_said_once_and_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Webhook(500, 500, 500, 200) as monitor:
        dead_man = DeadMan(hub(), PingTarget(f"{monitor.url}/secret", every=0.02))
        task = asyncio.create_task(dead_man.run())
        try:
            await eventually(lambda: len(monitor.posts) > 4)
        finally:
            task.cancel()
    assert [one.message for one in caplog.records] == [
        "the dead-man ping failed: HTTP 500; it goes on",
        "the dead-man ping works again",
    ]
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"url": "http://a/", "url_file": "ping.url"},
        {"url": "ftp://example.org/"},
        {"url_file": "absent"},
    ],
)
def test_what_is_not_usable_is_said_before_the_hub_starts(
    table: dict[str, str], tmp_path: Path
) -> None:
    settings: Any = SimpleNamespace(tables={"dead_man": table}, home=tmp_path)
    with pytest.raises(ConfigError):
        target_of(settings)


def test_without_a_table_nobody_is_told(tmp_path: Path) -> None:
    settings: Any = SimpleNamespace(tables={}, home=tmp_path)
    assert target_of(settings) is None
