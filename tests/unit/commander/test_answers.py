"""An answer that is stored ends its command, whatever happens in between."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.commander import commander as module
from fleet.commander.answers import PAGE, ends_of
from fleet.commander.commander import Commander
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import MessageKind, Priority, ReplyCode, Result, Verb
from fleet.domain.alerts import AlertBook
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.hub.counters import Counters
from fleet.hub.hub import Hub
from fleet.hub.service import Service
from fleet.hub.store_patience import StorePatience
from fleet.settings import load
from fleet.store.in_memory import InMemoryDatabase, InMemoryStore
from fleet.store.records import Batch, StoredMessage
from tests.support.intake import status
from tests.support.telemetry import NOON
from tests.support.waiting import eventually


@asynccontextmanager
async def commanding(
    home: Path, broker: InProcessBroker, database: InMemoryDatabase
) -> AsyncIterator[tuple[Hub, Commander]]:
    made: list[Commander] = []

    def plug(hub: Hub) -> list[Service]:
        made.append(Commander(hub))
        return [*made]

    hub = Hub(load({"home": str(home)}, {}), InMemoryStore(database), plug, bus=broker.connect)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")
    yield hub, made[0]
    hub.stop()
    await running


async def test_an_answer_ends_its_command_for_who_asks_and_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", 3600.0)
    monkeypatch.setattr(module, "TICK", 3600.0)
    broker, database = InProcessBroker(), InMemoryDatabase()
    async with commanding(tmp_path, broker, database) as (hub, commander):
        agent = broker.connect(ConnectOptions(BrokerUrl("memory"), "larry"))
        async with agent:
            to_nobody = {"verb": "health-check", "result": "done"}  # the last that is not asked for
            birth = status(boot=5, seq=0, reply=to_nobody)
            await agent.publish(birth.topic, birth.payload)
            await eventually(lambda: hub.roster.newest("larry"), what="the birth")
            await commander.inbox(None, unread=False, reading=False)
            how: dict[str, Any] = {"priority": Priority.NORMAL, "ttl": 60, "by": "cli"}
            [sent] = await commander.send(Verb.HEALTH_CHECK, ["larry"], broadcast=True, **how)
            reply = {"to": sent.wire, "verb": "health-check", "result": "failed", "took": 0.5}
            answer = status(boot=5, seq=1, reply=reply)
            before = hub.counters.stored
            await agent.publish(answer.topic, answer.payload)
        await eventually(lambda: hub.counters.stored > before + 1, what="command and answer")
        crashed = copy.deepcopy(database)
        [known] = await commander.inbox(None, unread=False, reading=False)
        assert (known.state, known.took) == (CommandState.FAILED, 0.5)
        [kept] = await InMemoryStore(database).commands(agent=None, since=0.0, limit=9)
        assert kept == known

    [left] = await InMemoryStore(crashed).commands(agent=None, since=0.0, limit=9)
    assert left.state is CommandState.SENT, "the crash came between the answer and the end"
    async with commanding(tmp_path, broker, crashed) as (_, commander):
        assert await commander.inbox(None, unread=True, reading=False) == []
        [again] = await InMemoryStore(crashed).commands(agent=None, since=0.0, limit=9)
        assert (again.state, again.took, again.ended) == (CommandState.FAILED, 0.5, known.ended)


def issued(agent: str, state: CommandState = CommandState.SENT, **values: Any) -> IssuedCommand:
    sent = None if state is CommandState.QUEUED else NOON
    made = IssuedCommand(
        ulid(NOON), agent, Verb.HEALTH_CHECK, Priority.NORMAL, 60, NOON, state=state, sent=sent
    )
    return made if not values else module.replace(made, **values)


async def ends(
    commands: list[IssuedCommand], *messages: StoredMessage
) -> tuple[list[IssuedCommand], set[int]]:
    store = InMemoryStore()
    store.open()
    await store.commit(Batch(messages=list(messages)))
    return await ends_of(commands, store, StorePatience(Counters(), AlertBook, lambda: NOON))


def said(number: int, agent: str, to: str | None, code: ReplyCode | None = None) -> StoredMessage:
    reply = {"to": to, "verb": "health-check", "result": "done"} | ({"code": code} if code else {})
    payload = json.dumps({"state": "running"} | ({"reply": reply} if to else {})).encode()
    return StoredMessage(number, NOON + number, agent, MessageKind.STATUS, False, payload)


async def test_a_start_ends_what_was_answered_and_nothing_else() -> None:
    ada, bob, cid, dan = issued("ada"), issued("bob"), issued("cid"), issued("dan")
    eve = issued("eve", CommandState.QUEUED)
    mute = [said(10 + number, "bob", None) for number in range(2 * PAGE)]
    found, by = await ends(
        [ada, bob, cid, dan, eve],
        said(1, "ada", ada.id),
        said(2, "ada", ada.id),
        said(3, "bob", ada.id),
        said(4, "cid", cid.id, ReplyCode.OTHER_SESSION),
        said(5, "eve", eve.id),
        *mute,
        said(3 * PAGE, "dan", dan.id),
    )
    assert found == [
        dan.replied(Result.DONE, None, None, NOON + 3 * PAGE),
        ada.replied(Result.DONE, None, None, NOON + 1),
    ]
    assert by == {3 * PAGE, 1}


async def test_what_was_said_before_a_command_is_not_looked_at() -> None:
    late = issued("ada", created=NOON + 50)
    assert await ends([late], said(1, "ada", late.id)) == ([], set())
