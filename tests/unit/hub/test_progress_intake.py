"""What an agent says of its tasks becomes true together with the message that says it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_vocabulary import TaskReason, TaskState
from fleet.domain.daily_bounds import Bounds
from fleet.domain.progress_bounds import A_TASK
from fleet.domain.work.progress_report import ProgressReport
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.daily_limits import DailyLimits
from fleet.store.records import Batch
from tests.support.intake import Intake, status
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

TASK = "01JZ0000000000000000000002"


def progress(seq: int, *, retain: bool = False, boot: int = 5, **fields: object) -> Inbound:
    body = {"task": TASK, "epoch": 1, "attempt": 1, "state": "working", "progress": 40,
            "ts": timestamp(NOON - 1), "boot": boot, "seq": seq, **fields}  # fmt: skip
    return Inbound("fleet/larry/progress", json.dumps(body).encode(), 1, retain)


def offer() -> Inbound:
    body = {"id": TASK, "epoch": 0, "ts": timestamp(NOON), "ttl": 60}
    return Inbound("fleet/larry/task", json.dumps(body).encode(), 1)


def committed(intake: Intake) -> list[Batch]:
    """The batches that the store takes from now on."""
    found: list[Batch] = []
    commit = intake.store.commit

    async def noting(batch: Batch) -> None:
        await commit(batch)
        found.append(batch)

    intake.store.commit = noting  # type: ignore[method-assign]
    return found


def reports(batches: list[Batch]) -> list[ProgressReport]:
    return [report for batch in batches for report in batch.progress]


async def test_a_report_is_in_the_transaction_of_its_message(intake: Intake):
    batches = committed(intake)
    intake.bus.deliver(progress(0), progress(1, state="failed", reason="out-of-memory"))
    await eventually(lambda: len(intake.bus.acked) == 2)
    [batch] = [batch for batch in batches if batch.progress]
    assert [message.kind for message in batch.messages] == [MessageKind.PROGRESS] * 2
    first, last = batch.progress
    assert first == ProgressReport("larry", NOON, TASK, 1, 1, TaskState.WORKING, 40, None, NOON - 1)
    assert (last.state, last.reason) == (TaskState.FAILED, TaskReason.OUT_OF_MEMORY)


async def test_nothing_is_acknowledged_or_receipted_before_the_commit(intake: Intake):
    intake.store.gate.clear()
    intake.bus.deliver(progress(0))
    await eventually(lambda: intake.store.attempts)
    await asyncio.sleep(0.3)
    assert (intake.bus.acked, intake.bus.published) == ([], [])
    intake.store.gate.set()
    await eventually(lambda: intake.bus.published)
    assert intake.bus.published == [("fleet/larry/receipt", {"boot": 5, "seq": 0})]


async def test_a_repeated_number_is_reported_once_and_receipted(intake: Intake):
    batches = committed(intake)
    intake.bus.deliver(progress(0))
    intake.bus.deliver(progress(0))
    await eventually(lambda: len(intake.bus.acked) == 2)
    assert len(reports(batches)) == len(await intake.stored()) == 1


async def test_progress_leaves_no_hole_in_the_numbers_of_states(intake: Intake):
    intake.bus.deliver(status(boot=5, seq=0), progress(1), status(boot=5, seq=2))
    await eventually(lambda: intake.bus.published)
    assert intake.bus.published == [("fleet/larry/receipt", {"boot": 5, "seq": 2})]
    assert intake.counters.missing == 0


async def test_what_was_retained_is_poison_and_reported_to_nobody(intake: Intake):
    batches = committed(intake)
    intake.bus.deliver(progress(0, retain=True), offer()._replace(retain=True))
    await eventually(lambda: len(intake.bus.acked) == 2)
    letters = await intake.store.dead_letters(before=None, limit=9)
    assert [letter.reason for letter in letters] == ["retained-command"] * 2
    assert reports(batches) == []


async def test_it_says_nothing_of_how_the_agent_is(intake: Intake):
    intake.bus.deliver(progress(0))
    await eventually(lambda: intake.bus.acked)
    view = intake.roster.view("larry", NOON)
    assert (view.last_seen, view.says) == (None, None)


async def test_what_has_no_room_in_the_history_is_reported_all_the_same(intake: Intake):
    intake.ingest.keeping.budget = DailyBudget(1)
    batches = committed(intake)
    intake.bus.deliver(progress(0))
    await eventually(lambda: intake.bus.acked)
    assert await intake.stored() == []
    assert len(reports(batches)) == 1


async def test_beyond_the_days_bound_it_is_refused_and_what_was_offered_counts(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(progress=2))
    await intake_of(intake, status(boot=5, seq=0), *(progress(n) for n in range(1, 5)))
    assert len(await intake.stored()) == 1 + 2
    await intake_of(intake, offer(), *(progress(n) for n in range(5, 9 + A_TASK)))
    assert intake.counters.stored == 1 + 2 + 1 + A_TASK
    letters = await intake.store.dead_letters(before=None, limit=99)
    assert {letter.reason for letter in letters} == {"too-often"}


async def intake_of(intake: Intake, *messages: Inbound) -> None:
    before = len(intake.bus.acked)
    intake.bus.deliver(*messages)
    await eventually(lambda: len(intake.bus.acked) == before + len(messages))


async def test_a_hub_that_was_killed_knows_the_numbers_of_progress(tmp_path: Path):
    first = Intake(tmp_path / "home")
    running = asyncio.create_task(first.ingest.run())
    first.bus.deliver(status(boot=5, seq=0), progress(1))
    await eventually(lambda: len(first.bus.acked) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await first.store.close()

    second = Intake(tmp_path / "home")
    batches = committed(second)
    running = asyncio.create_task(second.ingest.run())
    second.bus.deliver(progress(1), progress(2))
    await eventually(lambda: len(second.bus.acked) == 2)
    assert [message.kind for batch in batches for message in batch.messages] == ["progress"]
    assert len(reports(batches)) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await second.store.close()


def test_joined_batches_keep_reports_in_order():
    def of(number: int) -> Batch:
        told: Any = number
        return Batch(progress=[told])

    assert Batch.joined([of(1), Batch(), of(2)]).progress == [1, 2]
    assert Batch(progress=of(1).progress)
