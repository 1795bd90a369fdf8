"""What an operator's word does in a hub, over the two fakes: no socket, no disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.bus.port import Bus
from fleet.commander import departures as module
from fleet.commander.commander import Commander
from fleet.commander.departures import Departures
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from fleet.hub.hub import Hub
from fleet.hub.service import Service
from fleet.pending_departures import Departure, PendingDepartures
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from tests.support.intake import beat, status
from tests.support.waiting import eventually


class Fleet:
    """A hub, its departures, and a link for agents."""

    def __init__(self, hub: Hub, departures: Departures, link: Bus) -> None:
        self.hub = hub
        self.departures = departures
        self.link = link

    async def hears(self, agent: str, seq: int) -> None:
        message = beat(agent, boot=1, seq=seq)
        await self.link.publish(message.topic, message.payload, retain=True)
        await eventually(lambda: agent in self.hub.roster, what=f"{agent}'s heartbeat")

    async def stored(self, agent: str) -> int:
        return len((await self.hub.store.history(agent=agent)).messages)


@asynccontextmanager
async def fleet(
    home: Path, broker: InProcessBroker, database: InMemoryDatabase
) -> AsyncIterator[Fleet]:
    made: list[Departures] = []

    def plug(hub: Hub) -> list[Service]:
        commander = Commander(hub)
        made.append(Departures(hub, commander))
        return [commander]

    hub = Hub(load({"home": str(home)}, {}), InMemoryStore(database), plug, bus=broker.connect)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")
    async with broker.connect(ConnectOptions(BrokerUrl("memory"), "agents")) as link:
        yield Fleet(hub, made[0], link)
    hub.stop()
    await running


async def test_a_last_will_that_was_on_its_way_does_not_outlive_the_forgetting(
    tmp_path: Path,
) -> None:
    broker, database = InProcessBroker(), InMemoryDatabase()
    async with fleet(tmp_path, broker, database) as made:
        await made.hears("larry", 0)
        will = status("larry", state="offline", boot=1)
        await made.link.publish(will.topic, will.payload, retain=True)
        done = await made.departures.forget("larry", history=False)
        assert (done.known, done.retained, done.history) == (True, True, False)
        assert "larry" not in made.hub.roster
        assert await made.stored("larry") == 2
        again = await made.departures.forget("larry", history=True)
        assert (again.known, again.history) == (False, True)
        assert await made.stored("larry") == 0
    async with fleet(tmp_path, broker, database) as made:
        assert made.hub.roster.names() == set()


async def test_who_is_renamed_takes_everything_along(tmp_path: Path) -> None:
    async with fleet(tmp_path, InProcessBroker(), InMemoryDatabase()) as made:
        await made.hears("larry", 0)
        done = await made.departures.rename("larry", "moe")
        assert (done.known, done.alive, done.retained) == (True, True, True)
        assert made.hub.roster.names() == {"moe"}
        assert (await made.stored("larry"), await made.stored("moe")) == (0, 1)


async def test_a_link_that_is_away_is_told_and_the_agent_is_forgotten_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    async with fleet(tmp_path, InProcessBroker(), InMemoryDatabase()) as made:
        await made.hears("larry", 0)

        async def away(*_: object, **__: object) -> None:
            raise BrokerError("the link is down")

        with monkeypatch.context() as broken:
            broken.setattr(made.hub.bus, "publish", away)
            done = await made.departures.forget("larry", history=False)
        assert not done.retained
        assert "larry" not in made.hub.roster


async def test_what_was_noted_while_no_hub_served_is_done_once_and_in_order(
    tmp_path: Path,
) -> None:
    broker, database = InProcessBroker(), InMemoryDatabase()
    async with fleet(tmp_path, broker, database) as made:
        await made.hears("larry", 0)
    pending = PendingDepartures(tmp_path)
    pending.add(Departure("larry", to="moe"))
    pending.add(Departure("larry"))
    async with fleet(tmp_path, broker, database) as made:
        await made.departures.catch_up()
        assert pending.read() == []
        assert made.hub.roster.names() == {"moe"}
        assert await made.stored("moe") >= 1
        assert await made.stored("larry") == 0
