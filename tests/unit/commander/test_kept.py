"""Whoever changes a command at the same moment as others brings nothing back, and ends it once."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.commander import commander as module
from fleet.commander import sending
from fleet.commander.sending import Sending
from fleet.contract.vocabulary import Result
from fleet.domain.commands import OPEN, CommandState, IssuedCommand
from fleet.hub.hub import Hub
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from tests.support.waiting import eventually
from tests.unit.commander.test_commander import World, busy_gathering

COMMANDS = 6
STORIES = 12


class Others:
    """Lets others go first, now and then, as a disk or a broker does."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    async def first(self) -> None:
        for _ in range(self.chance.randrange(8)):
            await asyncio.sleep(0)


class Recorded:
    """A store that takes its time, and what was written there of each command, in order."""

    def __init__(self, others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written: dict[str, list[IssuedCommand]] = {}
        self.writes = 0
        save = InMemoryStore.save_commands

        async def slow(store: InMemoryStore, commands: list[IssuedCommand]) -> None:
            await others.first()
            await save(store, commands)
            self.writes += 1
            for one in commands:
                self.written.setdefault(one.id, []).append(one)
            await others.first()

        monkeypatch.setattr(InMemoryStore, "save_commands", slow)

    def ended_once(self, command: IssuedCommand) -> bool:
        states = [one.state for one in self.written[command.id]]
        return [state in OPEN for state in states] == [True] * (len(states) - 1) + [False]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def in_some_order(others: Others, *what: Callable[[], Awaitable[Any]]) -> None:
    async def one(do: Callable[[], Awaitable[Any]]) -> None:
        await others.first()
        await do()

    await asyncio.gather(*map(one, others.chance.sample(what, len(what))))


@pytest.mark.parametrize("seed", range(STORIES))
async def test_what_ends_while_others_change_it_stays_ended_and_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    others = Others(seed)
    recorded = Recorded(others, monkeypatch)
    monkeypatch.setattr(module, "GATHER", 0.0)
    ends: list[IssuedCommand] = []

    def note(changed: list[IssuedCommand]) -> None:
        ends.extend(one for one in changed if not one.open)

    async with world.running():
        commander = world.commander
        commander.observe(note)
        await world.says()
        sent = [await world.send() for _ in range(COMMANDS)]

        async def answer() -> None:
            for command in others.chance.sample(sent, others.chance.randrange(COMMANDS)):
                await world.answers(command)

        async def read() -> None:
            for _ in range(3):
                await others.first()
                await commander.inbox("larry", unread=others.chance.random() < 0.5, reading=True)

        async def acknowledge() -> None:
            for command in others.chance.sample(sent, 3):
                await others.first()
                await commander.ack("larry", command.id, Result.FAILED)

        async def revoke() -> None:
            await commander.cancel("larry")

        await in_some_order(others, answer, read, acknowledge, acknowledge, revoke)
        await world.settle()
        assert len(commander) == 0, "the last of them were ended with their agent"
        assert all(map(recorded.ended_once, sent))
        assert sorted(one.id for one in ends) == sorted(one.id for one in sent)
        assert sum(commander.outcomes.values()) == COMMANDS


async def _answered(world: World, command: IssuedCommand) -> CommandState:
    await world.answers(command)
    await world.settle()
    return CommandState.DONE


async def _revoked(world: World, command: IssuedCommand) -> CommandState:
    await world.commander.cancel(command.agent)
    return CommandState.REJECTED


async def _read(world: World, command: IssuedCommand) -> CommandState:
    await world.commander.inbox(command.agent, unread=True, reading=True)
    return CommandState.ACKNOWLEDGED


@pytest.mark.parametrize("happens", [_answered, _revoked, _read])
async def test_a_publish_that_seems_to_fail_undoes_nothing_that_happened_meanwhile(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[World, IssuedCommand], Awaitable[CommandState]],
) -> None:
    """The broker had it, and its acknowledgement was lost."""
    states: list[CommandState] = []

    async def lost(
        _hub: Hub, _topic: str, command: IssuedCommand, _boot: int | None = None
    ) -> bool:
        states.append(await happens(world, command))
        return False

    monkeypatch.setattr(module, "TICK", 3600.0)
    async with world.running():
        await world.says()
        monkeypatch.setattr(sending, "publish", lost)
        sent = await world.send()
        assert states == [await world.state(sent)]


async def test_what_waits_for_an_agent_is_sent_once_whoever_sees_it_back_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tick and the return of an agent are two."""
    published: list[str] = []
    publish = sending.publish

    async def note(hub: Hub, topic: str, command: IssuedCommand, boot: int | None = None) -> bool:
        published.append(command.id)
        return await publish(hub, topic, command, boot)

    Recorded(Others(1), monkeypatch)
    async with world.running():
        await world.says()
        monkeypatch.setattr(Sending, "is_present", lambda *_: False)
        waiting = [await world.send() for _ in range(COMMANDS)]
        monkeypatch.setattr(sending, "publish", note)
        monkeypatch.setattr(Sending, "is_present", lambda *_: True)
        await asyncio.gather(*(world.commander._sending.dispatch(["larry"]) for _ in range(5)))
        assert sorted(published) == sorted(one.id for one in waiting)


async def test_what_an_agent_has_read_by_http_is_not_published_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []

    async def note(_hub: Hub, _topic: str, command: IssuedCommand, *_: object) -> bool:
        published.append(command.id)
        return True

    monkeypatch.setattr(sending, "publish", note)
    monkeypatch.setattr(module, "TICK", 0.01)
    async with world.running():
        await world.says()
        with monkeypatch.context() as patch:
            patch.setattr(Sending, "is_present", lambda *_: False)
            read = await world.send()
            await world.commander.inbox("larry", unread=True, reading=True)
            unread = await world.send()
        await eventually(lambda: published, what="a look of the tick")
        assert published == [unread.id]
        assert await world.state(read) is CommandState.ACKNOWLEDGED


async def test_a_hub_that_is_killed_at_any_write_leaves_no_command_unsent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one whose agent was away: it was promised, and is kept as sent before it is published."""
    moments: list[InMemoryDatabase] = []
    published: list[str] = []
    save = InMemoryStore.save_commands

    async def watched(store: InMemoryStore, commands: list[IssuedCommand]) -> None:
        await save(store, commands)
        moments.append(copy.deepcopy(world.database))

    async def note(_hub: Hub, _topic: str, command: IssuedCommand, *_: object) -> bool:
        published.append(command.id)
        return True

    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(sending, "publish", note)
    async with world.running():
        await world.says("moe")
        with monkeypatch.context() as patch:
            patch.setattr(Sending, "is_present", lambda *_: False)
            patch.setattr(InMemoryStore, "save_commands", watched)
            waiting = await world.send("moe")
            patch.setattr(Sending, "is_present", lambda *_: True)
            await eventually(lambda: published, what="the command")
    assert len(moments) == 2, "queued, and sent"
    for world.database in moments:
        published.clear()
        async with world.running():
            await eventually(lambda: published, what="the command of the next process")
            assert published == [waiting.id]
            await world.answers(waiting)
            await world.is_in(waiting, CommandState.DONE)


async def test_commands_to_many_and_the_answers_of_many_are_one_write_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(Others(0), monkeypatch)
    monkeypatch.setattr(module, "GATHER", 3600.0)
    monkeypatch.setattr(module, "TICK", 3600.0)
    async with world.running():
        await busy_gathering(world)
        await world.says("moe", state="offline")
        await eventually(
            lambda: not world.commander._sending.is_present("moe"), what="that moe is away"
        )
        before = recorded.writes
        await world.send("moe", "larry", "larry", "larry")
        assert recorded.writes == before + 1
        for command in await world.commander.inbox("larry", unread=True, reading=False):
            await world.answers(command)
        await world.settle()
        assert recorded.writes == before + 2
        assert len(world.commander) == 1
