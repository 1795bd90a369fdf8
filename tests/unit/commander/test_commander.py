"""A command ends once, by the answer that the hub has, whatever else happens at that moment."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.commander import commander as module
from fleet.commander import sending
from fleet.commander.commander import Commander
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.vocabulary import Priority, ReplyCode, Verb
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.domain.events import Fact
from fleet.hub.hub import Hub
from fleet.hub.service import Service
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from tests.support.intake import status
from tests.support.waiting import eventually

NEVER = 3600.0


class GatedStore(InMemoryStore):
    """Gives out commands only while its gate is open."""

    def __init__(self, database: InMemoryDatabase) -> None:
        super().__init__(database)
        self.gate = asyncio.Event()
        self.asked = 0  # who waits before it

    async def commands(self, **which: Any) -> list[IssuedCommand]:
        self.asked += not self.gate.is_set()
        await self.gate.wait()
        return await super().commands(**which)


class World:
    """A hub that commands larry, who answers as the test says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.broker = InProcessBroker()
        self.database = InMemoryDatabase()
        self.seq = 0

    @asynccontextmanager
    async def running(self, *, open_gate: bool = True) -> AsyncIterator[World]:
        def plug(hub: Hub) -> list[Service]:
            self.commander = Commander(hub)
            return [self.commander]

        self.store = GatedStore(self.database)
        if open_gate:
            self.store.gate.set()
        settings = load({"home": str(self.home)}, {})
        self.hub = Hub(settings, self.store, plug, bus=self.broker.connect)
        running = asyncio.create_task(self.hub.run(), name="hub")
        await eventually(lambda: self.hub.started_at, what="the hub's start")
        try:
            yield self
        finally:
            self.hub.stop()
            await running

    async def says(self, agent: str = "larry", boot: int = 5, **fields: Any) -> None:
        """A status of `agent`, which the hub has stored when this returns."""
        before = self.hub.counters.stored
        async with self.broker.connect(ConnectOptions(BrokerUrl("memory"), agent)) as link:
            said = status(agent, boot=boot, seq=self.seq, **fields)
            self.seq += 1
            await link.publish(said.topic, said.payload)
        await eventually(lambda: self.hub.counters.stored > before, what="the status")

    async def answers(
        self, command: IssuedCommand, result: str = "done", *, boot: int = 5, code: str = ""
    ) -> None:
        reply = {"to": command.wire, "verb": command.verb, "result": result}
        await self.says(command.agent, boot=boot, reply=reply | ({"code": code} if code else {}))

    async def send(self, *agents: str) -> IssuedCommand:
        """The first of the commands to `agents`."""
        how: dict[str, Any] = {"priority": Priority.NORMAL, "ttl": 60, "by": "cli"}
        return (await self.commander.send(Verb.HEALTH_CHECK, agents or ["larry"], **how))[0]

    async def state(self, command: IssuedCommand) -> CommandState:
        kept = await InMemoryStore(self.database).commands(agent=None, since=0.0, limit=9)
        return next(one.state for one in kept if one.id == command.id)

    async def is_in(self, command: IssuedCommand, state: CommandState) -> None:
        async def there() -> bool:
            return await self.state(command) is state

        await eventually(there, what=f"the state {state}")

    async def settle(self) -> None:
        await self.commander.inbox(None, unread=True, reading=False)

    def refusals_told(self) -> int:
        return [one.event.fact for one in self.database.events].count(Fact.COMMAND_REFUSED)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def busy_gathering(world: World) -> None:
    """From here on only who asks, and the tick, take answers in."""
    await world.says()
    await world.answers(await world.send())
    await world.settle()


async def test_an_answer_that_is_there_before_the_deadline_is_taken_in_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", NEVER)
    async with world.running():
        await busy_gathering(world)
        sent = await world.send()
        await world.answers(sent)
        much_later = world.hub.committer.now() + 1000
        monkeypatch.setattr(world.hub.committer, "now", lambda: much_later)
        await eventually(lambda: not len(world.commander), what="its end")
        assert await world.state(sent) is CommandState.DONE


async def test_a_late_answer_corrects_that_a_command_is_silent_also_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running():
        await world.says()
        first, second = await world.send(), await world.send()
        with monkeypatch.context() as patch:
            much_later = world.hub.committer.now() + 1000
            patch.setattr(world.hub.committer, "now", lambda: much_later)
            await world.is_in(second, CommandState.SILENT)
        await world.answers(first, "failed")
        await world.is_in(first, CommandState.FAILED)
        await world.answers(first)
    async with world.running():
        await world.answers(second)
        await world.is_in(second, CommandState.DONE)
        assert await world.state(first) is CommandState.FAILED, "one answer counts"


async def test_who_is_back_is_sent_to_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", NEVER)
    monkeypatch.setattr(module, "TICK", NEVER)
    async with world.running():
        await busy_gathering(world)
        await world.says("moe", state="offline")
        await eventually(
            lambda: not world.commander._sending.is_present("moe"), what="that moe is away"
        )
        waiting = await world.send("moe")
        assert await world.state(waiting) is CommandState.QUEUED
        await world.says("moe", boot=6)
        await world.is_in(waiting, CommandState.SENT)


async def test_what_was_answered_a_moment_ago_is_not_signed_for_the_next_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", NEVER)
    monkeypatch.setattr(module, "TICK", NEVER)
    published: list[IssuedCommand] = []
    publish = sending.publish

    async def note(hub: Hub, topic: str, command: IssuedCommand, boot: int | None = None) -> bool:
        published.append(command)
        return await publish(hub, topic, command, boot)

    async with world.running():
        await busy_gathering(world)
        monkeypatch.setattr(sending, "publish", note)
        sent = await world.send()
        await world.answers(sent)
        await world.answers(sent, "rejected", boot=6, code=ReplyCode.OTHER_SESSION)
        await world.settle()
        assert await world.state(sent) is CommandState.DONE
        assert [one.id for one in published] == [sent.id]
        assert world.refusals_told() == 0


async def test_an_answer_that_comes_while_a_hub_starts_is_handled_once(world: World) -> None:
    async with world.running():
        await world.says()
        sent = await world.send()
        before = copy.deepcopy(world.database)
    world.database = before  # killed, so to say: the answer comes to the next process
    async with world.running(open_gate=False):
        await world.answers(sent, "rejected", code=ReplyCode.UNSIGNED)
        world.store.gate.set()
        await world.settle()
        assert await world.state(sent) is CommandState.REJECTED
        await world.answers(sent, "rejected", boot=6, code=ReplyCode.UNSIGNED)
        await world.settle()
        assert world.refusals_told() == 0, "by now it was said twice"
        await world.answers(sent, "rejected", boot=6, code=ReplyCode.UNSIGNED)
        await world.settle()
        assert world.refusals_told() == 1


async def _while_answers_are_taken_in(world: World) -> None:
    async with world.commander._applying:
        await world.settle()


async def _while_the_hub_stops(world: World) -> None:
    async with asyncio.TaskGroup() as over:
        pass
    world.commander._tasks = over
    await world.settle()


@pytest.mark.parametrize("asked", [_while_answers_are_taken_in, _while_the_hub_stops])
async def test_who_asks_gets_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: Callable[[World], Awaitable[None]]
) -> None:
    monkeypatch.setattr(module, "ASKED", 0.01)
    async with world.running():
        await world.says()
        await asyncio.wait_for(asked(world), 30)
