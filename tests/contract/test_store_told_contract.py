"""A hub is killed when a route has an alert on its disk and the store does not know yet that it was
told: on every store the next hub tells what became of it before its first look."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.contract.reader import Reader
from fleet.contract.vocabulary import Severity
from fleet.domain.alert import Alert
from fleet.domain.events import Event, Fact
from fleet.domain.roster import Roster
from fleet.hub import committer, due_alerts
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.due_alerts import DueAlerts
from fleet.hub.feed import Feed
from fleet.hub.hub_time import HubTime
from fleet.hub.leading import Leading
from fleet.notifier import notifier
from fleet.notifier.delivery import Delivery
from fleet.notifier.duty import duty_of
from fleet.notifier.notification import Notification
from fleet.notifier.notifier import Notifier
from fleet.notifier.routes import Channel, Route
from fleet.store.records import Batch
from tests.support.stores import Place
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

CODE = "process-down"
ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")
ROUTES = {
    "all": ROUTE,
    "on duty": replace(ROUTE, duty=duty_of("00:00-24:00", "", "")),
    "later": replace(ROUTE, after=600.0),
}


class Telling:
    """The parts of a hub that tell, on a clock that stands until it is moved.

    Attributes:
        heard: what the route told.
        is_killed: nothing that it does from now on is stored.
    """

    def __init__(
        self, place: Place, home: Path, route: Route, at: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.now = at
        self.heard: list[str] = []
        self.is_killed = False
        self.store = place.store()
        self._commit = self.store.commit
        monkeypatch.setattr(self.store, "commit", self.commit)
        counters = Counters()
        feed, roster = Feed(counters), Roster(interval=10)
        clock = HubTime(lambda: self.now, lambda: self.now)
        self.committer = Committer(self.store, roster, feed, counters, clock)
        telling = DueAlerts(self.committer, Leading(None, self.committer.patience))
        hub: Any = SimpleNamespace(
            settings=SimpleNamespace(home=home, tables={}), store=self.store, feed=feed,
            roster=roster, committer=self.committer, due_alerts=telling,
        )  # fmt: skip
        notifying = Notifier(hub, [route], self.receive)
        self.committer.restore(self.store.open(), Reader().read)
        self.tasks = [asyncio.create_task(one.run()) for one in (telling, notifying)]

    async def commit(self, batch: Batch) -> None:
        if self.is_killed:
            await asyncio.Event().wait()
        await self._commit(batch)

    def receive(self, _route: Route, message: Notification) -> None:
        self.heard.append(message.state.value)

    async def begins(self) -> None:
        event = Event(Fact.ALERT_FIRING, "ada", self.now, CODE, Severity.CRITICAL)
        await self.committer.write([event])

    async def ends(self) -> None:
        await self.committer.write([Event(Fact.ALERT_RESOLVED, "ada", self.now, CODE)])

    async def tells(self, *states: str) -> None:
        """Moves the clock: what is to be told is due, then what nobody acknowledged."""
        self.now += 1000
        await eventually(lambda: self.alert.is_notified, what="the telling")
        self.now += 1000
        await eventually(lambda: self.heard == list(states), what=f"{states}")

    @property
    def alert(self) -> Alert:
        return self.committer.book.alerts["ada", CODE]

    async def is_settled(self) -> None:
        kept = self.committer.book.kept
        await eventually(lambda: kept(("ada", CODE)) == self.alert, what="what is on its way")
        await self.committer.write()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        await self.store.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(due_alerts, "LOOK", 0.01)
    monkeypatch.setattr(notifier, "LOOK", 0.01)
    monkeypatch.setattr(committer, "COMMIT_TIMEOUT", 0.01)
    home = tmp_path / "of-the-routes"
    home.mkdir()
    return home


async def killed(hub: Telling, monkeypatch: pytest.MonkeyPatch, *heard: str) -> None:
    """It is killed as soon as its route has on disk what is due, which the route still tells."""
    enqueue = Delivery.enqueue

    async def and_is_killed(delivery: Delivery, message: Notification) -> None:
        await enqueue(delivery, message)
        hub.is_killed = True

    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "enqueue", and_is_killed)
        await hub.tells(*heard)
        await hub.close()


@pytest.mark.parametrize("chosen", ROUTES)
@pytest.mark.parametrize("begins_again", [False, True])
async def test_what_changes_before_the_next_hub_looks_is_told(
    place: Place, home: Path, begins_again: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = ROUTES[chosen]
    hub = Telling(place, home, route, NOON, monkeypatch)
    await hub.begins()
    if begins_again:
        await hub.tells("firing")
        await hub.is_settled()
        await hub.ends()
    await killed(hub, monkeypatch, *(("firing", "resolved") if begins_again else ("firing",)))
    following = Telling(place, home, route, hub.now + 1, monkeypatch)
    await (following.begins() if begins_again else following.ends())
    await following.tells("firing" if begins_again else "resolved")
    await following.close()


async def test_what_a_route_has_is_not_told_again_by_the_next_hub(
    place: Place, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Telling(place, home, ROUTE, NOON, monkeypatch)
    await hub.begins()
    await killed(hub, monkeypatch, "firing")
    following = Telling(place, home, ROUTE, hub.now + 1, monkeypatch)
    following.now += 1000
    await eventually(lambda: following.alert.is_notified)
    await following.is_settled()
    await following.ends()
    await following.tells("resolved")
    await following.close()
