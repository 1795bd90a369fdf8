"""The hub's offers: who is offered what, how fast, and what becomes of what cannot be sent."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_sidecar.commands.task_offers import BURST
from fleet import keys
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.bus.port import Inbound
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, RefusedError
from fleet.contract.reader import Reader
from fleet.contract.signing import is_by_one_of
from fleet.contract.timestamps import epoch, ulid
from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_messages import TaskOffer
from fleet.hub.hub import Hub
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.work import offer_sender
from fleet.work.offer_sender import AHEAD, APART, MAX_OF_ONE, OfferSender
from tests.support.waiting import eventually

NOON = 1_800_000_000.0
TASK = "01JZ0000000000000000000002"


class World:
    """A hub in memory that offers tasks to whoever is not called idle, and an ear."""

    def __init__(self, home: Path) -> None:
        self.broker = InProcessBroker()
        self.heard: list[Inbound] = []
        self.offers: OfferSender
        settings = load({"home": str(home)}, {})
        self.hub = Hub(
            settings, InMemoryStore(InMemoryDatabase()), self._plug, bus=self.broker.connect
        )

    def _plug(self, hub: Hub) -> list[OfferSender]:
        self.offers = OfferSender(hub, lambda agent: agent != "idle")
        return [self.offers]

    async def __aenter__(self) -> World:
        self._tasks = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._listen())]
        await eventually(lambda: self.hub.started_at)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hub.stop()
        await self._tasks[0]
        self._tasks[1].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._tasks[1]

    async def _listen(self) -> None:
        async with self.broker.connect(ConnectOptions(BrokerUrl("memory"), "ear")) as bus:
            await bus.subscribe("fleet/+/task")
            async for inbound in bus.messages():
                self.heard.append(inbound)

    def told(self) -> list[TaskOffer]:
        read = Reader().read
        messages = [read(MessageKind.TASK, inbound.payload) for inbound in self.heard]
        return [message for message in messages if isinstance(message, TaskOffer)]


async def test_an_offer_is_signed_as_commands_are_and_never_retained(tmp_path: Path):
    keys.rotate(tmp_path, 0.0)
    async with World(tmp_path) as world:
        assert world.offers.offer("alpha", TASK, 2, ttl=30)
        await eventually(lambda: world.heard)
        [inbound], [offer] = world.heard, world.told()
        assert (inbound.topic, inbound.retain) == ("fleet/alpha/task", False)
        assert (offer.id, offer.epoch, offer.ttl) == (TASK, 2, 30)
        assert abs(epoch(offer.ts) - world.hub.committer.now()) < 60
        trusted = keys.load_signer(tmp_path)
        assert trusted is not None
        signed = offer.model_dump(exclude_none=True)
        assert is_by_one_of(trusted.public_keys(), inbound.topic, signed)
        assert not is_by_one_of(trusted.public_keys(), "fleet/beta/task", signed)
        await eventually(lambda: world.offers.sent == 1)


async def test_who_did_not_say_that_it_works_is_offered_nothing(tmp_path: Path):
    async with World(tmp_path) as world:
        assert not world.offers.offer("idle", TASK, 0)
        assert world.offers.offer("alpha", TASK, 0)
        await eventually(lambda: world.heard)
        assert [inbound.topic for inbound in world.heard] == ["fleet/alpha/task"]
        assert world.offers.refused == 1


async def test_a_newer_offer_takes_the_place_of_one_that_waits(tmp_path: Path):
    async with World(tmp_path) as world:
        for number in range(3):
            world.offers.offer("alpha", TASK, number)
        await eventually(lambda: world.heard)
        assert [offer.epoch for offer in world.told()] == [2]
        assert len(world.offers) == 0


async def test_one_agent_gets_no_more_than_it_can_read_and_holds_nobody_up(tmp_path: Path):
    async with World(tmp_path) as world:
        for number in range(2 * MAX_OF_ONE):
            world.offers.offer("alpha", ulid(NOON + number), 0)
        for name in ("beta", "gamma"):
            world.offers.offer(name, TASK, 0)
        assert len(world.offers) == MAX_OF_ONE + 2
        await eventually(lambda: len(world.heard) >= 3)
        first = [inbound.topic for inbound in world.heard[:3]]
        assert sorted(first) == ["fleet/alpha/task", "fleet/beta/task", "fleet/gamma/task"]


def test_one_task_after_the_other_is_offered_at_once_and_many_at_the_rate_of_a_sidecar():
    hub: Any = SimpleNamespace(committer=SimpleNamespace(now=lambda: NOON))
    offers = OfferSender(hub, lambda _agent: True)
    for number in range(MAX_OF_ONE):
        offers.offer("alpha", ulid(NOON + number), 0)
    at_once = sum(len(offers._due(0.0)) for _ in range(MAX_OF_ONE))
    assert at_once == pytest.approx(AHEAD / APART, abs=1)
    later = sum(len(offers._due(tick / 100)) for tick in range(101))
    assert later == pytest.approx(1.0 / APART, abs=1)
    assert at_once <= BURST


async def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offer_sender, "MAX_WAITING", 5)
    async with World(tmp_path) as world:
        taken = [world.offers.offer(f"agent-{number}", TASK, 0) for number in range(7)]
        assert taken == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("error", "told"),
    [(BrokerError("down"), 0), (RefusedError("the broker refused", "reason code 135"), 1)],
)
async def test_a_wake_up_may_be_lost_and_a_refusal_is_told_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BrokerError,
    told: int,
):
    async with World(tmp_path) as world:

        async def refuse(*_: object, **__: object) -> None:
            raise error

        publish = world.hub.bus.publish
        monkeypatch.setattr(world.hub.bus, "publish", refuse)
        for name in ("alpha", "beta"):
            world.offers.offer(name, TASK, 0)
        await eventually(lambda: world.offers.failed == 2)
        lines = [line for line in caplog.messages if "fleet acl update" in line]
        assert len(lines) == told
        monkeypatch.setattr(world.hub.bus, "publish", publish)
        world.offers.offer("gamma", TASK, 0)
        await eventually(lambda: world.heard)


async def test_the_hub_stores_its_own_offers_and_grants_what_they_bring(tmp_path: Path):
    async with World(tmp_path) as world:
        world.offers.offer("alpha", TASK, 0)
        await eventually(lambda: world.hub.counters.received[MessageKind.TASK])
        limits = world.hub.ingest._limits
        await eventually(lambda: limits._tasks)
        assert limits._tasks["alpha"].offered == 1
