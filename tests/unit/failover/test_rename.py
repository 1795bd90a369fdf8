"""An agent of a pair gets another name, over the two fakes: its pair goes with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.bus.in_process import InProcessBroker
from fleet.commander.commander import Commander
from fleet.commander.departures import Departures
from fleet.contract.timestamps import timestamp
from fleet.domain.agent_view import AgentView
from fleet.domain.failover.lease_book import LeaseBook
from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.roster import Roster
from fleet.failover.service import FailoverService
from fleet.hub.hub import Hub
from fleet.hub.service import Service
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.store.pairs import InMemoryPairs
from tests.support.telemetry import Story, beat
from tests.support.waiting import eventually

PAIR = Pair("bots", "ada", "bob", auto=True, epoch=7)


@asynccontextmanager
async def hub_of(
    home: Path, database: InMemoryDatabase, *pairs: Pair
) -> AsyncIterator[tuple[FailoverService, Departures]]:
    store = InMemoryStore(database)
    store.open()
    for pair in pairs:
        await store.pairs.save(pair)
    await store.close()
    made: list[tuple[FailoverService, Departures]] = []

    def plug(hub: Hub) -> list[Service]:
        commander, failover = Commander(hub), FailoverService(hub, hub.store.pairs)
        made.append((failover, Departures(hub, commander)))
        return [commander, failover]

    bus = InProcessBroker().connect
    hub = Hub(load({"home": str(home)}, {}), InMemoryStore(database), plug, bus=bus)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")
    yield made[0]
    hub.stop()
    await running


async def test_a_pair_goes_with_the_name_under_a_new_epoch_and_over_a_restart(
    tmp_path: Path,
) -> None:
    database = InMemoryDatabase()
    other = replace(PAIR, name="other", active="eve", standby="sue")
    async with hub_of(tmp_path, database, PAIR, other) as (failover, departures):
        failover.book = LeaseBook(0.0)
        failover.book.hear("ada", 1, 1, 1000.0)
        failover.book.give("ada", 7, active=True)
        await departures.rename("ada", "lovelace")
        said = failover.described("bots")
        assert [one["agent"] for one in said["members"]] == ["lovelace", "bob"]
        assert (said["epoch"], said["phase"]) == (8, "steady")
        assert not failover.book.is_over("lovelace", 1037.0), "what the old name holds counts"
        assert failover.book.is_over("lovelace", 1038.0)
        assert failover.book.due("lovelace", 8) is None, "nothing of the old name's is answered"
        await departures.rename("ada", "lovelace")
        assert failover.described("bots")["epoch"] == 8, "said again it is the same"
        assert failover.described("other")["epoch"] == 7
    async with hub_of(tmp_path, database) as (failover, _):
        await eventually(failover.all, what="the pairs")
        assert failover.described("bots")["members"][0]["agent"] == "lovelace"


async def test_two_agents_of_pairs_never_become_one(tmp_path: Path) -> None:
    async with hub_of(tmp_path, InMemoryDatabase(), PAIR) as (failover, departures):
        await departures.rename("ada", "bob")
        assert [one["agent"] for one in failover.described("bots")["members"]] == ["ada", "bob"]


async def test_times_that_a_step_of_the_clock_moved_stay_so_over_a_rename_and_a_restart(
    tmp_path: Path,
) -> None:
    database = InMemoryDatabase()
    now = time.time()
    waits = replace(PAIR, phase=Phase.MANUAL, cause=Cause.TOO_SOON, since=now, failed_over=now - 9)
    moved = (now + 3600, now + 3591)
    async with hub_of(tmp_path, database, waits) as (failover, departures):
        await eventually(failover.all, what="the pairs")
        failover.steps.append(ClockStep(3600.0, since=0.0, until=now + 60))
        await departures.rename("stranger", "somebody")
        assert times(database) == moved
        await departures.rename("ada", "lovelace")
        assert times(database)[1] == moved[1]
    async with hub_of(tmp_path, database) as (failover, _):
        await eventually(failover.all, what="the pairs")
        assert failover.described("bots")["failed_over"] == timestamp(moved[1])


def times(database: InMemoryDatabase) -> tuple[float, float | None]:
    pair = database.pairs["bots"]
    return pair.since, pair.failed_over


async def test_a_rename_reads_no_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    every = InMemoryPairs.all

    async def counted(store: InMemoryPairs) -> list[Pair]:
        nonlocal reads
        reads += 1
        return await every(store)

    monkeypatch.setattr(InMemoryPairs, "all", counted)
    async with hub_of(tmp_path, InMemoryDatabase(), PAIR) as (failover, departures):
        await eventually(failover.all, what="the pairs")
        for number in range(20):
            await departures.rename(f"agent-{number}", f"other-{number}")
    assert reads == 1


async def test_a_look_makes_no_view_of_who_is_in_no_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewed: set[str] = set()
    view = Roster.view

    def noted(roster: Roster, name: str, now: float) -> AgentView:
        viewed.add(name)
        return view(roster, name, now)

    async with hub_of(tmp_path, InMemoryDatabase(), PAIR) as (failover, _):
        await eventually(failover.all, what="the pairs")
        Story(failover._hub.roster, "stranger").hears(beat())
        monkeypatch.setattr(Roster, "view", noted)
        await eventually(lambda: viewed, what="a look")
    assert viewed <= {"ada", "bob"}
