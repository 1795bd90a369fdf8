"""What happens to a command while the store takes its time is not undone, nor passed over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.commander import commander as module
from fleet.commander import sending
from fleet.commander.sending import Sending
from fleet.contract.vocabulary import Priority, Verb
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.domain.hub_clock import Step
from fleet.hub import hub as hub_module
from fleet.hub.hub import Hub
from fleet.hub.ingest import Ingest
from fleet.store.in_memory import InMemoryStore
from tests.support.waiting import eventually
from tests.unit.commander.test_commander import NEVER, World

HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that left."""
    ids: list[str] = []

    async def note(_hub: Hub, _topic: str, command: IssuedCommand, *_: object) -> bool:
        ids.append(command.id)
        return True

    monkeypatch.setattr(sending, "publish", note)
    return ids


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """It happens once, while the store writes commands."""
    save = InMemoryStore.save_commands

    async def slow(store: InMemoryStore, commands: list[IssuedCommand]) -> None:
        await save(store, commands)
        monkeypatch.setattr(InMemoryStore, "save_commands", save)
        happens()

    monkeypatch.setattr(InMemoryStore, "save_commands", slow)


async def _at_once(world: World, expire: Callable[[], None]) -> IssuedCommand:
    expire()
    return await world.send()


async def _to_all(world: World, expire: Callable[[], None]) -> IssuedCommand:
    expire()
    how: dict[str, Any] = {"priority": Priority.NORMAL, "ttl": 60, "by": "cli"}
    [sent] = await world.commander.send(Verb.HEALTH_CHECK, ["larry"], broadcast=True, **how)
    return sent


async def _on_return(world: World, expire: Callable[[], None]) -> IssuedCommand:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sending, "is_present", lambda *_: False)
        sent = await world.send()
    expire()
    await world.commander._sending.dispatch(["larry"])
    return sent


async def _behind_another_write(world: World, expire: Callable[[], None]) -> IssuedCommand:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sending, "is_present", lambda *_: False)
        sent = await world.send()
    async with world.commander._kept._changing:
        waits = asyncio.create_task(world.commander._sending.dispatch(["larry"]), name="dispatch")
        await asyncio.sleep(0)
        much_later = world.hub.committer.now() + HOUR
        world.hub.committer.now = lambda: much_later  # type: ignore[method-assign]
    await waits
    return sent


@pytest.mark.parametrize("how", [_at_once, _to_all, _on_return, _behind_another_write])
async def test_a_command_whose_time_ends_while_the_store_is_away_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, published: list[str], how: Any
) -> None:
    async with world.running():
        await world.says()
        much_later = world.hub.committer.now() + HOUR

        def pass_time() -> None:
            monkeypatch.setattr(world.hub.committer, "now", lambda: much_later)

        sent = await how(world, lambda: meanwhile(monkeypatch, pass_time))
        await world.is_in(sent, CommandState.EXPIRED)
        assert published == []


async def test_what_an_agent_reads_while_others_are_sent_to_is_not_published_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []

    async def read(_hub: Hub, _topic: str, command: IssuedCommand, *_: object) -> bool:
        published.append(command.id)
        await world.commander.inbox("larry", unread=True, reading=True)
        return True

    monkeypatch.setattr(sending, "AT_ONCE", 1)
    monkeypatch.setattr(sending, "publish", read)
    async with world.running():
        await world.says()
        first = await world.send("larry", "larry", "larry")
        assert published == [first.id]


@pytest.mark.parametrize("by", [HOUR, -HOUR])
@pytest.mark.parametrize("reading", [False, True])
async def test_a_clock_step_while_a_command_is_written_moves_it_too(
    world: World, monkeypatch: pytest.MonkeyPatch, published: list[str], reading: bool, by: float
) -> None:
    monkeypatch.setattr(module, "TICK", NEVER)
    async with world.running():
        await world.says()

        def step() -> None:
            for moved in world.hub.on_step:
                moved(Step(by, since=0.0, until=world.hub.committer.now() + 1))

        if not reading:
            meanwhile(monkeypatch, step)
        sent = await world.send()
        if reading:
            meanwhile(monkeypatch, step)
            await world.commander.inbox("larry", unread=True, reading=True)
        kept = world.commander._kept.book.get(sent.id)
        assert kept is not None
        assert kept.created == pytest.approx(sent.created + by)


async def test_an_inbox_tells_what_became_of_a_command_while_it_was_read(world: World) -> None:
    async with world.running():
        await world.says()
        sent = await world.send()
        world.store.gate.clear()
        asked = asyncio.create_task(
            world.commander.inbox("larry", unread=False, reading=False), name="inbox"
        )
        await eventually(lambda: world.store.asked, what="the question")
        await world.answers(sent)
        await world.is_in(sent, CommandState.DONE)
        world.store.gate.set()
        assert [one.state for one in await asked] == [CommandState.DONE]


async def test_a_hub_that_starts_publishes_again_what_the_backlog_does_not_answer_urgent_first(
    world: World, monkeypatch: pytest.MonkeyPatch, published: list[str]
) -> None:
    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(hub_module, "SETTLE", 0.0)
    async with world.running():
        await world.says()
        how: dict[str, Any] = {"ttl": 60, "by": "cli"}
        sent = {
            priority: (
                await world.commander.send(
                    Verb.HEALTH_CHECK, ["larry", "larry"], priority=priority, **how
                )
            )
            for priority in sorted(Priority, key=lambda one: one.rank)
        }
    published.clear()
    looks: list[Sending] = []
    look = Sending.look

    async def noted(sending_: Sending) -> None:
        await look(sending_)
        looks.append(sending_)

    monkeypatch.setattr(Sending, "look", noted)
    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "idle", False)
        async with world.running():
            await world.says()
            seen = len(looks)
            await eventually(lambda: len(looks) >= seen + 5, what="some looks of the tick")
            assert published == [], "what waited at the broker is not read yet"
            for answered, _ in sent.values():
                await world.answers(answered)
                await world.is_in(answered, CommandState.DONE)
            patch.setattr(Ingest, "idle", True)
            await eventually(lambda: len(published) >= len(Priority), what="the others")
            urgent_first = sorted(Priority, key=lambda one: -one.rank)
            assert published == [sent[priority][1].id for priority in urgent_first]
