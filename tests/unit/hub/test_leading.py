"""A hub that took the lead keeps it until it serves, however long its beginning takes, and makes
no link once it has lost it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.in_process import InProcessBroker
from fleet.domain.alerts import AlertBook
from fleet.hub import leading
from fleet.hub.counters import Counters
from fleet.hub.hub import Hub
from fleet.hub.leading import Leading
from fleet.hub.store_patience import StorePatience
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.store.port import LeadershipLostError
from fleet.store.records import HubState
from tests.support.waiting import DEADLINE, eventually


class Lease:
    """Ours at once; it counts the renewals until another hub takes it."""

    holder, epoch = "one/1/aa", 1
    is_certain = True

    def __init__(self) -> None:
        self.renewals = 0
        self.renewed = threading.Event()
        self.is_lost = False

    def acquire(self) -> None:
        return None

    def renew(self) -> None:
        if self.is_lost:
            raise LeadershipLostError("another hub leads now")
        self.renewals += 1
        self.renewed.set()


class SlowStore(InMemoryStore):
    """Takes until the lease was renewed to read what it holds, or too long."""

    def __init__(self, lease: Any) -> None:
        super().__init__(InMemoryDatabase())
        self.leadership = lease
        self.was_renewed = False

    def open(self) -> HubState:
        self.was_renewed = self.leadership.renewed.wait(DEADLINE / 4)  # type: ignore[union-attr]
        return super().open()


@pytest.fixture
def lease() -> Lease:
    return Lease()


def hub_of(store: InMemoryStore, home: Path, broker: InProcessBroker) -> Hub:
    return Hub(load({"home": str(home)}, {}), store, bus=broker.connect)


async def test_the_lease_is_renewed_while_the_store_is_read(
    lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "RENEW", 0.01)
    store = SlowStore(lease)
    hub = hub_of(store, tmp_path, InProcessBroker())
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")
    hub.stop()
    await running
    assert store.was_renewed


async def test_it_is_renewed_before_the_first_link_and_at_once_when_it_serves(
    lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "RENEW", 3600.0)
    store = SlowStore(lease)
    lease.renewed.set()
    hub = hub_of(store, tmp_path, InProcessBroker())
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: lease.renewals == 2, what="both renewals")
    hub.stop()
    await running


async def test_it_is_renewed_while_the_threads_of_all_others_wait(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[threading.Thread] = []
    monkeypatch.setattr(lease, "renew", lambda: asked.append(threading.current_thread()))
    hangs = threading.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    follower = asyncio.create_task(asyncio.to_thread(hangs.wait), name="follower")
    leads = Leading(lease, StorePatience(Counters(), AlertBook, float))  # type: ignore[arg-type]
    try:
        await asyncio.wait_for(leads.begin(), DEADLINE)
        await asyncio.wait_for(leads.confirm(), DEADLINE)
        assert not follower.done()
    finally:
        hangs.set()
        await follower
        leads.close()
        leads.close()
    [thread] = asked
    await eventually(lambda: not thread.is_alive(), what="the end of its thread")


async def test_one_that_lost_it_meanwhile_makes_no_link(lease: Lease, tmp_path: Path) -> None:
    store = SlowStore(lease)
    lease.renewed.set()
    lease.is_lost = True
    hub = hub_of(store, tmp_path, InProcessBroker())
    with pytest.raises(LeadershipLostError):
        await hub.run()
    assert not hub.counters.link_up
    assert hub.started_at is None
