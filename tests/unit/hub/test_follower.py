"""A hub that reads words which it does not understand keeps what it knew, and says for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.in_process import InProcessBroker
from fleet.contract.messages import Heartbeat
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.alert import Alert
from fleet.domain.roster import Roster
from fleet.domain.silences import Silence
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.settings import load
from fleet.store.in_memory import InMemoryStore
from fleet.store.port import StoreUnavailableError
from fleet.store.shared import Live, News
from tests.support.followed_hub import FollowedHub
from tests.support.waiting import eventually


class Words:
    """A store in which a hub speaks, of another release; or which is away."""

    def __init__(self) -> None:
        self.away = False
        self.looks = 0

    def news(self, _after: int, _limit: int) -> News:
        self.looks += 1
        if self.away:
            raise StoreUnavailableError("the database is away", "", "wait")
        return News(Live(1.0, 0.0, '{"in": "other words"}', 1, "somebody"), [], False)


async def test_words_of_another_release_are_told_from_a_store_that_is_away(tmp_path: Path) -> None:
    store: Any = InMemoryStore()
    store.open()
    hub = Hub(load({"home": str(tmp_path)}, {}), store, bus=InProcessBroker().connect)
    words: Any = Words()
    now = 100.0
    follower = Follower(hub, words, clock=lambda: now)
    words.away = True
    task = asyncio.create_task(follower.run())
    await eventually(lambda: words.looks >= 1)
    now = 140.0
    assert (follower.unread, follower.unasked) == (0.0, 40.0)
    words.away = False
    looks = words.looks
    await eventually(lambda: words.looks >= looks + 2)
    assert follower.unasked == 0.0, "what cannot be understood is an answer"
    now = 180.0
    assert follower.unread == 40.0
    task.cancel()
    await asyncio.wait({task})


def test_records_that_cannot_be_read_take_nobody_away() -> None:
    story = Roster(interval=10)
    story.observe(
        Address("ada", MessageKind.HEARTBEAT), Heartbeat(ok=True, ts=timestamp(1.0)), at=1.0
    )
    [(_, ada)] = story.dump()
    roster = Roster(interval=10)
    roster.load([("ada", ada)])
    with pytest.raises(ValueError, match="dozing"):
        roster.become([("bob", ada), ("eve", ada | {"verdict": "dozing"})], None)
    assert list(roster.names()) == ["ada"]
    roster.become([("bob", ada)], None)
    assert list(roster.names()) == ["bob"]


async def test_the_alerts_are_entered_beside_the_loop(tmp_path: Path) -> None:
    """Those of 100,000 agents take half a second, and nobody is answered meanwhile."""
    threads = set()

    class Alerts(list[Alert]):
        def __iter__(self) -> Iterator[Alert]:
            threads.add(threading.current_thread())
            return super().__iter__()

    class Leader(FollowedHub):
        def book(self) -> tuple[list[Alert], list[Silence]]:
            alerts, silences = super().book()
            return Alerts(alerts), silences

    leader: Any = Leader(tmp_path)
    await leader.tell()
    follower = Follower(leader.hub(), leader)
    await follower.look()
    assert follower.begun.is_set()
    assert threads
    assert threading.main_thread() not in threads
