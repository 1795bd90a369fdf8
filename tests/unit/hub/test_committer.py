"""What a restart knows: records stored a little late, messages applied again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleet.domain.events import Fact
from tests.support.intake import Intake, beat, status
from tests.support.telemetry import NOON
from tests.support.waiting import eventually


@pytest.mark.parametrize("clean", [True, False])
async def test_a_restart_has_the_same_roster_and_knows_what_it_saw(
    intake: Intake, tmp_path: Path, clean: bool
):
    intake.bus.deliver(status(boot=5, seq=0), *(beat(boot=5, seq=n) for n in range(1, 40)))
    intake.bus.deliver(beat("moe", ok=False), status("curly", state="offline", boot=9))
    await eventually(lambda: len(intake.bus.acked) == 42)
    if clean:
        await intake.committer.write(save_all=True)
    before = [view.as_dict() for view in intake.roster.views(NOON)]
    firing = intake.committer.book.firing()
    await intake.store.close()
    again = Intake(tmp_path / "home")
    assert [view.as_dict() for view in again.roster.views(NOON)] == before
    assert again.committer.book.firing() == firing
    again.roster.resume_listening(NOON)
    assert again.roster.tick(NOON + 1) == []
    events = again.roster.observe(*_beat_again(), at=NOON)
    assert [event.fact for event in events] == [Fact.DUPLICATE]
    await again.store.close()


def _beat_again():
    from fleet.contract.topics import Address
    from fleet.contract.vocabulary import MessageKind
    from tests.support.telemetry import beat as message

    return Address("larry", MessageKind.HEARTBEAT), message(NOON, boot=5, seq=20)


async def test_records_are_stored_when_they_have_waited(intake: Intake):
    intake.bus.deliver(beat(boot=5, seq=0))
    await eventually(lambda: len(intake.bus.acked) == 1)
    assert await _records(intake) == []
    intake.now += 6
    await intake.committer.write()
    assert await _records(intake) == ["larry"]


async def _records(intake: Intake) -> list[str]:
    rows = await intake.store._select("SELECT agent FROM record", ())
    return [agent for (agent,) in rows]


async def test_an_acknowledged_drift_is_the_new_normal(intake: Intake):
    one, two = ("sha256:" + digit * 64 for digit in "12")
    intake.bus.deliver(status(config=one), status(config=two))
    await eventually(intake.committer.book.firing)
    assert await intake.committer.acknowledge("larry", "config-drift", "mia")
    assert not intake.committer.book.firing()
    assert not await intake.committer.acknowledge("larry", "config-drift", "mia")


async def test_maintenance_that_ends_and_begins_again_at_once_outlives_a_restart(
    intake: Intake, tmp_path: Path
):
    intake.bus.deliver(status(state="maintenance"))
    await eventually(lambda: len(intake.bus.acked) == 1)
    intake.bus.deliver(status(state="running"), status(state="maintenance"))
    await eventually(lambda: len(intake.bus.acked) == 3)
    assert intake.committer.book.silences
    await intake.store.close()
    again = Intake(tmp_path / "home")
    assert again.committer.book.silences == intake.committer.book.silences
    await again.store.close()


async def test_a_stop_in_mid_commit_lets_the_commit_end_and_the_rest_be_saved(tmp_path: Path):
    intake = Intake(tmp_path / "home")
    task = asyncio.create_task(intake.ingest.run())
    intake.store.gate.clear()
    intake.bus.deliver(beat(boot=5, seq=0))
    await eventually(lambda: intake.store.attempts)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, intake.store.gate.set)
    await asyncio.wait({task})
    await intake.committer.write(save_all=True)
    assert len(await intake.stored()) == 1
    assert await _records(intake) == ["larry"]
    await intake.store.close()


async def test_a_clock_set_back_goes_on_slower_until_it_is_true_again(intake: Intake):
    intake.committer.now()
    intake.now -= 100
    intake.passed += 10
    assert intake.committer.now() == pytest.approx(NOON + 9)
    intake.now += 110
    assert intake.committer.now() == NOON + 10


async def test_a_slow_subscriber_loses_the_oldest_and_is_told(intake: Intake):
    subscription = intake.feed.subscribe(limit=3)
    intake.bus.deliver(*(beat(uptime=n) for n in range(10)))
    await eventually(lambda: len(intake.bus.acked) == 10)
    assert subscription.lost > 0
    assert intake.counters.feed_dropped == subscription.lost
    kept = []
    async for item in subscription:
        kept.append(item)
        if len(kept) == 3:
            break
    assert [item.id for item in kept] == sorted(item.id for item in kept)
    subscription.close()
    assert not intake.feed
