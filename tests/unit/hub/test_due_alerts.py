"""What is due waits for the store to note it, and for nothing that takes nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.domain.alert import AlertGroup
from fleet.domain.alerts import GROUP_WAIT
from fleet.domain.events import Event, Fact
from fleet.hub import due_alerts
from fleet.hub.committer import HUB
from fleet.hub.due_alerts import DueAlerts
from tests.support.intake import Intake
from tests.support.waiting import eventually


class Telling:
    """What is told goes nowhere: no route has it.

    Attributes:
        codes: of what was told, in order.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.leading: Any = SimpleNamespace(is_certain=True)
        self.due_alerts = DueAlerts(intake.committer, self.leading)
        self.due_alerts.has_routes = True
        self.codes: list[str] = []
        self._told = intake.feed.subscribe(wanted=lambda item: isinstance(item, AlertGroup))
        self.tasks = [asyncio.create_task(self.due_alerts.run()), asyncio.create_task(self._hear())]

    async def _hear(self) -> None:
        async for group in self._told:
            assert isinstance(group, AlertGroup)
            self.codes.append(group.code)

    async def fires(self, code: str = "process-down") -> None:
        """It is stored, and is due."""
        now = self.intake.committer.now()
        event = Event(Fact.ALERT_FIRING, "ada", now, code, Severity.CRITICAL)
        await self.intake.committer.write([event])


@pytest.fixture
async def telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telling]:
    monkeypatch.setattr(due_alerts, "LOOK", 0.01)
    intake = Intake(tmp_path / "home")
    telling = Telling(intake)
    yield telling
    intake.store.gate.set()
    for task in telling.tasks:
        task.cancel()
    await asyncio.wait(telling.tasks)
    await intake.store.close()


async def test_nothing_is_told_before_the_store_knows_that_it_is_being_told(
    telling: Telling,
) -> None:
    store = telling.intake.store
    await telling.fires()
    before = store.attempts
    store.gate.clear()
    telling.intake.wait(10)
    await eventually(lambda: store.attempts > before)
    assert telling.codes == []
    store.gate.set()
    await eventually(lambda: telling.codes == ["process-down"])
    [(told, told_at)] = await store._select("SELECT told, told_at FROM alert", ())
    assert (told, told_at is None) == ("resolved", False), "a restart tells whatever is true then"


async def test_a_store_that_hangs_keeps_no_alert_back_for_long(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 0.05)
    await telling.fires()
    telling.intake.store.gate.clear()
    telling.intake.wait(10)
    await eventually(lambda: telling.codes == ["process-down"])


async def test_a_store_that_hangs_is_waited_for_once_until_it_takes_something(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 0.05)
    await telling.fires()
    telling.intake.store.gate.clear()
    telling.intake.wait(10)
    await eventually(lambda: telling.codes == ["process-down"])
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 3600)
    again = asyncio.create_task(telling.due_alerts.noted())
    telling.tasks.append(again)
    await eventually(again.done)
    assert not again.result()
    telling.intake.store.gate.set()
    await eventually(telling.due_alerts.noted)


async def test_what_becomes_due_of_the_store_during_a_look_waits_for_no_note_in_it(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 3600)
    committer = telling.intake.committer
    telling.intake.store.gate.clear()
    committer.book.fire(HUB, HubAlertCode.STORE_DOWN, Severity.CRITICAL, committer.now())
    seconds = itertools.count(committer.now() + GROUP_WAIT - 1)
    monkeypatch.setattr(committer, "now", lambda: next(seconds))
    await eventually(lambda: telling.codes == [HubAlertCode.STORE_DOWN])


async def test_a_store_that_is_known_to_take_nothing_is_not_waited_for(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 3600)
    intake = telling.intake
    await telling.fires()
    intake.store.full = True
    writing = asyncio.create_task(telling.fires("error-rate"))
    await eventually(lambda: intake.counters.paused)
    intake.wait(10)
    await eventually(lambda: telling.codes == ["disk-pressure", "error-rate", "process-down"])
    intake.store.full = False
    await writing


async def test_who_may_lead_no_more_tells_only_that_the_store_is_away(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_alerts, "NOTED_WITHIN", 0.05)
    store, committer = telling.intake.store, telling.intake.committer
    await telling.fires()
    before = store.attempts
    store.gate.clear()
    telling.intake.wait(10)
    await eventually(lambda: store.attempts > before)
    telling.leading.is_certain = False
    committer.book.fire(HUB, HubAlertCode.STORE_DOWN, Severity.CRITICAL, committer.now())
    telling.intake.wait(10)
    await eventually(lambda: telling.codes == [HubAlertCode.STORE_DOWN])
    store.gate.set()
    await eventually(lambda: telling.codes == [HubAlertCode.STORE_DOWN, "process-down"])
