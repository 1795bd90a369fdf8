"""What every store promises of commands; see `fleet.store.port`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from fleet.contract.vocabulary import Priority, ReplyCode, Result, Verb
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.store.port import Store
from tests.support.stores import Place
from tests.support.telemetry import NOON

COMMAND = IssuedCommand("01JZ", "larry", Verb.HEALTH_CHECK, Priority.HIGH, 60, NOON, "cli")


async def test_commands_are_kept(place: Place, store: Store) -> None:
    done = replace(COMMAND, id="01JY", created=NOON - 9, state=CommandState.DONE)
    await store.save_commands([COMMAND, done])
    assert await store.commands(agent="larry", since=0, limit=10) == [done, COMMAND]
    assert await store.commands(agent="moe", since=0, limit=10) == []
    await store.close()
    again = place.store()
    again.open()
    assert await again.commands(agent="larry", since=0, limit=10) == [done, COMMAND]
    await again.close()


async def test_commands_saved_by_many_at_once_are_all_saved(store: Store) -> None:
    commands = [replace(COMMAND, id=f"{n:026d}") for n in range(300)]
    await asyncio.gather(*(store.save_commands([command]) for command in commands * 3))
    assert len(await store.commands(agent=None, since=0, limit=1000)) == 300


async def test_the_carrying_broadcast_of_a_command_is_kept(store: Store) -> None:
    command = replace(COMMAND, broadcast="01JB", reply_to="01JA")
    await store.save_commands([command])
    ended = command.replied(Result.DONE, None, 0.5, NOON + 1)
    await store.save_commands([ended])
    assert await store.commands(agent="larry", since=0, limit=10) == [ended]


async def test_of_a_known_command_only_its_life_changes(store: Store) -> None:
    sent = replace(COMMAND, state=CommandState.SENT, sent=NOON + 0.1)
    failed = sent.replied(Result.FAILED, ReplyCode.ACTION_TIMEOUT, 1 / 3, NOON + 2)
    await store.save_commands([COMMAND, sent])
    assert await store.commands(agent=None, since=0, limit=10) == [sent]
    await store.save_commands([replace(failed, agent="moe", by="eve", created=0.0, ttl=1)])
    assert await store.commands(agent=None, since=0, limit=10) == [failed]
    await store.save_commands([COMMAND])  # the publish failed: it waits again
    assert await store.commands(agent=None, since=0, limit=10) == [COMMAND]


async def test_the_newest_commands_come_oldest_first(store: Store) -> None:
    commands = [
        replace(COMMAND, id=f"01J{n}", created=NOON + n // 3, agent=("larry", "moe")[n % 2])
        for n in range(9)
    ]
    await store.save_commands(commands[::-1])
    assert await store.commands(agent=None, since=0, limit=99) == commands, "by time, then id"
    assert await store.commands(agent=None, since=0, limit=4) == commands[-4:]
    assert await store.commands(agent=None, since=NOON + 1, limit=99) == commands[3:]
    assert await store.commands(agent="moe", since=NOON + 1, limit=2) == [commands[5], commands[7]]
