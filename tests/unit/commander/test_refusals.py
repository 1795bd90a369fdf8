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
OK, OTHER, UNSIGNED = ReplyCode.OK, ReplyCode.OTHER_SESSION, ReplyCode.UNSIGNED


def issued(verb: Verb = Verb.VERSION_REPORT) -> IssuedCommand:
    queued = IssuedCommand(ulid(NOON), "ada", verb, Priority.NORMAL, 60, NOON)
    return queued.step(Step.SEND, NOON)


def message(number: int, wire: str, boot: int | None, code: ReplyCode) -> StoredMessage:
    result = "done" if code is ReplyCode.OK else "rejected"
    reply = {"to": wire, "verb": "version-report", "result": result, "code": code}
    said = {"state": "running", "reply": reply}
    payload = json.dumps(said | ({"boot": boot} if boot else {})).encode()
    return StoredMessage(number, NOON + number, "ada", MessageKind.STATUS, False, payload)


class Told:
    """A hub that knows one command, and how it was answered by session `BOOT`."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.store.open()
        self.number = 0
        self.restart()

    def restart(self) -> None:
        patience = StorePatience(Counters(), AlertBook, lambda: NOON)
        self.refusals = Refusals(self.store, patience, 1000.0)

    async def answered(
        self,
        code: ReplyCode = ReplyCode.OK,
        verb: Verb = Verb.VERSION_REPORT,
        result: Result | None = None,
    ) -> str:
        command = issued(verb)
        answer = await self.says(command.wire, code, BOOT)
        result = result or (Result.DONE if code is ReplyCode.OK else Result.REJECTED)
        await self.store.save_commands([command.replied(result, code, None, answer.at)])
        return command.wire

    async def says(self, wire: str, code: ReplyCode, boot: int | None) -> StoredMessage:
        self.number += 1
        item = message(self.number, wire, boot, code)
        await self.store.commit(Batch(messages=[item]))
        return item

    async def refused(self, wire: str, code: ReplyCode, boot: int | None) -> int:
        """How much is told of a refusal that comes now."""
        item = await self.says(wire, code, boot)
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


async def test_a_reload_that_found_no_room_did_not_run_and_may_be_refused_once(told: Told) -> None:
    busy = await told.answered(ReplyCode.RATE_EXCEEDED, Verb.CONFIG_RELOAD, Result.BUSY)
    assert [await told.refused(busy, OTHER, BOOT + 1) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("verb", [Verb.VERSION_REPORT, Verb.CONFIG_RELOAD])
async def test_what_http_ended_may_be_refused_once_by_a_sidecar_that_knows_nothing_of_it(
    told: Told, verb: Verb
) -> None:
    command = issued(verb)
    await told.store.save_commands([command.replied(Result.DONE, None, None, NOON + 1)])
    assert await told.refused(command.wire, UNSIGNED, BOOT) == 1
    assert [await told.refused(command.wire, OTHER, BOOT) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("page", [1, 2, 1000])
async def test_the_second_refusal_of_a_command_is_the_second_also_after_a_restart(
    told: Told, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(module, "PAGE", page)
    wire, other, unsigned = [await told.answered(code) for code in (OK, OK, UNSIGNED)]
    assert [await told.refused(one, OTHER, BOOT + 1) for one in (wire, unsigned)] == [0, 0]
    told.restart()
    assert [await told.refused(one, OTHER, BOOT + 2) for one in (wire, unsigned)] == [1, 1]
    told.restart()
    assert await told.refused(wire, OTHER, BOOT + 3) == 1
    assert await told.refused(other, OTHER, BOOT + 3) == 0


async def test_what_explains_nothing_is_no_first_refusal(told: Told) -> None:
    """A command that its next session answered once more; and what somebody forged before."""
    wire = await told.answered()
    await told.says(wire, OK, BOOT + 1)
    assert await told.refused(wire, UNSIGNED, BOOT + 1) == 1
    assert await told.refused(wire, OTHER, BOOT) == 1
    assert await told.refused(wire, OTHER, BOOT + 2) == 0


async def test_memory_of_repetitions_is_bounded(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    wires = [await told.answered() for _ in range(3)]
    assert [await told.refused(wire, OTHER, BOOT + 1) for wire in wires] == [0, 0, 0]
    assert len(told.refusals._repeated) == 2
    assert [await told.refused(wire, OTHER, BOOT + 1) for wire in wires] == [1, 1, 1]
