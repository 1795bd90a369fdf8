"""Of what a sidecar refuses, news is what somebody else sent: not an answer that was lost."""

from __future__ import annotations

import json

import pytest

from fleet.commander import refusals as module
from fleet.commander.refusals import Refusal, Refusals
from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import MessageKind, Priority, ReplyCode, Result, Verb
from fleet.domain.alerts import AlertBook
from fleet.domain.commands import CommandState, IssuedCommand, Step
from fleet.domain.events import Fact
from fleet.hub.counters import Counters
from fleet.hub.store_patience import StorePatience
from fleet.store.in_memory import InMemoryStore
from fleet.store.records import Batch, StoredMessage
from tests.support.telemetry import NOON

BOOT = 5
OTHER, UNSIGNED = ReplyCode.OTHER_SESSION, ReplyCode.UNSIGNED


def issued(verb: Verb = Verb.VERSION_REPORT) -> IssuedCommand:
    queued = IssuedCommand(ulid(NOON), "ada", verb, Priority.NORMAL, 60, NOON)
    return queued.step(Step.SEND, NOON)


def message(number: int, wire: str, boot: int | None, code: ReplyCode | None) -> StoredMessage:
    reply = {"to": wire, "verb": "version-report", "result": "rejected" if code else "done"}
    said = {"state": "running", "reply": reply | ({"code": code} if code else {})}
    payload = json.dumps(said | ({"boot": boot} if boot else {})).encode()
    return StoredMessage(number, NOON + number, "ada", MessageKind.STATUS, False, payload)


class Told:
    """A hub that knows one command, and how it was answered by session `BOOT`."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.store.open()
        patience = StorePatience(Counters(), AlertBook, lambda: NOON)
        self.refusals = Refusals(self.store, patience, 1000.0)
        self.number = 0

    async def answered(
        self, code: ReplyCode | None = None, verb: Verb = Verb.VERSION_REPORT
    ) -> str:
        command = issued(verb)
        self.number += 1
        answer = message(self.number, command.wire, BOOT, code)
        await self.store.commit(Batch(messages=[answer]))
        result = Result.REJECTED if code else Result.DONE
        await self.store.save_commands([command.replied(result, code, None, answer.at)])
        return command.wire

    async def refused(self, wire: str, code: ReplyCode, boot: int | None) -> int:
        """How much is told of a refusal that comes now."""
        self.number += 1
        item = message(self.number, wire, boot, code)
        events = await self.refusals.news([Refusal(item, code, wire, boot)])
        assert all((one.fact, one.id) == (Fact.COMMAND_REFUSED, wire) for one in events)
        return len(events)


@pytest.fixture
def told() -> Told:
    return Told()


async def test_what_a_next_session_refuses_is_news_from_the_second_time_on(told: Told) -> None:
    wire, other = await told.answered(), await told.answered()
    assert [await told.refused(wire, OTHER, BOOT + 1) for _ in range(3)] == [0, 1, 1]
    assert await told.refused(other, OTHER, BOOT + 1) == 0


@pytest.mark.parametrize("boot", [None, BOOT - 1, BOOT])
async def test_no_lost_answer_makes_an_older_or_the_same_session_refuse(
    told: Told, boot: int | None
) -> None:
    assert await told.refused(await told.answered(), OTHER, boot) == 1


async def test_a_reload_is_on_disk_before_it_runs_so_nothing_explains_its_refusal(
    told: Told,
) -> None:
    ran = await told.answered(verb=Verb.CONFIG_RELOAD)
    assert await told.refused(ran, OTHER, BOOT + 1) == 1
    refused = await told.answered(ReplyCode.DATED_AHEAD, Verb.CONFIG_RELOAD)
    assert await told.refused(refused, OTHER, BOOT + 1) == 0


@pytest.mark.parametrize("boot", [BOOT, BOOT + 1])
async def test_the_refusal_that_ended_a_command_is_no_news_once_more(told: Told, boot: int) -> None:
    wire = await told.answered(UNSIGNED)
    assert [await told.refused(wire, UNSIGNED, boot) for _ in range(2)] == [0, 1]
    assert await told.refused(await told.answered(), UNSIGNED, boot) == 1, "it had been carried out"


async def test_what_the_hub_never_sent_is_news_and_what_it_gave_up_is_not(told: Told) -> None:
    assert await told.refused(ulid(NOON), OTHER, BOOT) == 1
    given_up = issued().step(Step.END_OF_TIME, NOON + 65)
    assert given_up.state is CommandState.SILENT
    await told.store.save_commands([given_up])
    assert [await told.refused(given_up.wire, OTHER, BOOT) for _ in range(2)] == [0, 0]


async def test_memory_of_repetitions_is_bounded(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    wires = [await told.answered() for _ in range(3)]
    assert [await told.refused(wire, OTHER, BOOT + 1) for wire in wires] == [0, 0, 0]
    assert [await told.refused(wire, OTHER, BOOT + 1) for wire in wires[1:]] == [1, 1]
    assert await told.refused(wires[0], OTHER, BOOT + 1) == 0, "forgotten for newer ones"
