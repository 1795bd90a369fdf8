"""A whole hub in one process, with neither socket nor disk: what the two fakes are shipped for."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.vocabulary import MessageKind
from fleet.hub.hub import Hub
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from tests.support.intake import beat, status
from tests.support.waiting import eventually


async def test_a_hub_in_memory_goes_on_where_a_crash_left_it(tmp_path: Path) -> None:
    broker, database = InProcessBroker(), InMemoryDatabase()
    settings = load({"home": str(tmp_path)}, {})
    first = Hub(settings, InMemoryStore(database), bus=broker.connect)
    running = asyncio.create_task(first.run(), name="hub")
    await eventually(lambda: first.started_at, what="the hub's start")
    async with broker.connect(ConnectOptions(BrokerUrl("memory"), "larry")) as agent:
        for message in (status(boot=5, seq=0), *(beat(boot=5, seq=n) for n in range(1, 20))):
            await agent.publish(message.topic, message.payload)
        await agent.publish("fleet/larry/heartbeat", b"no JSON")
    await eventually(lambda: database.dead_letters, what="the last message, stored")
    crashed = copy.deepcopy(database)
    first.stop()
    await running

    second = Hub(settings, InMemoryStore(crashed), bus=broker.connect)
    running = asyncio.create_task(second.run(), name="hub")
    await eventually(lambda: second.started_at, what="the hub's return")
    assert second.roster.view("larry", second.committer.now()).seq == 19
    page = await second.store.history(agent="larry", kind=MessageKind.HEARTBEAT)
    assert len(page.messages) == 19
    assert len(await second.store.dead_letters(before=None, limit=9)) == 1
    second.stop()
    await running
