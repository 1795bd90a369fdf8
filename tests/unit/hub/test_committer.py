"""What a restart knows: records stored a little late, messages applied again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from fleet.domain.events import Fact
from fleet.domain.silences import Silence
from fleet.domain.windows import Window
from fleet.hub.hub import Hub
from fleet.hub.maintenance_windows import MaintenanceWindows
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
    intake.wait(6)
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


async def test_an_acknowledged_drift_is_the_new_normal_after_a_restart_too(
    intake: Intake, tmp_path: Path
):
    one, two = ("sha256:" + digit * 64 for digit in "12")
    intake.bus.deliver(status(config=one), status(config=two))
    await eventually(intake.committer.book.firing)
    await intake.committer.acknowledge("larry", "config-drift", "mia")
    await intake.store.close()
    again = Intake(tmp_path / "home")
    assert not again.committer.book.firing()
    task = asyncio.create_task(again.ingest.run())
    again.bus.deliver(status(config=two, state="degraded"))
    await eventually(lambda: again.bus.acked)
    again.bus.deliver(status(config="sha256:" + "3" * 64))
    await eventually(again.committer.book.firing)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await again.store.close()


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


async def test_a_clock_set_back_a_little_goes_on_slower_until_it_is_true_again(intake: Intake):
    intake.committer.now()
    intake.now -= 3
    intake.wait(10)
    assert intake.committer.now() == pytest.approx(NOON + 9)
    intake.wait(30)
    assert intake.committer.now() == pytest.approx(intake.now)


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


async def crashed(intake: Intake, home: Path) -> Intake:
    """What a hub begins with that starts after this one was killed."""
    await intake.store.close()
    return Intake(home)


async def test_who_is_forgotten_is_not_replayed_after_a_crash(intake: Intake, tmp_path: Path):
    intake.bus.deliver(beat(ok=False, alerts=["disk-pressure"]), beat("moe"))
    await eventually(lambda: len(intake.bus.acked) == 2)
    intake.committer.forget("larry")
    await intake.committer.write(save_all=True)
    again = await crashed(intake, tmp_path / "home")
    assert again.roster.names() == {"moe"}
    assert not again.committer.book.alerts
    await again.store.close()


async def test_a_forgotten_agent_that_speaks_on_is_a_new_one_after_a_crash(
    intake: Intake, tmp_path: Path
):
    intake.bus.deliver(beat(boot=1, seq=1, metrics={"load": 1}))
    await eventually(lambda: len(intake.bus.acked) == 1)
    intake.committer.forget("larry", history_of=["fleet/larry/heartbeat"])
    await intake.committer.write(save_all=True)
    intake.bus.deliver(beat(boot=2, seq=0))
    await eventually(lambda: len(intake.bus.acked) == 2)
    assert len(await intake.stored()) == 1
    again = await crashed(intake, tmp_path / "home")
    view = again.roster.view("larry", NOON)
    assert (view.boot, view.metrics) == (2, {})
    await again.store.close()


async def test_a_renamed_agent_is_the_same_after_a_crash(intake: Intake, tmp_path: Path):
    intake.bus.deliver(beat(boot=1, seq=1))
    await eventually(lambda: len(intake.bus.acked) == 1)
    intake.committer.silence(Silence("s", NOON + 5000, agent="larry"))
    await intake.committer.write(intake.committer.rename("larry", "moe"), save_all=True)
    again = await crashed(intake, tmp_path / "home")
    assert again.roster.names() == {"moe"}
    assert again.roster.view("moe", NOON).boot == 1
    assert [one.agent for one in again.committer.book.silences.values()] == ["moe"]
    assert [m.agent for m in (await again.store.history()).messages] == ["moe"]
    await again.store.close()


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_window_is_as_it_was_when_its_agent_is_forgotten(
    intake: Intake, tmp_path: Path, by_hand: bool
):
    window = Window("nightly", "* * * * *", ZoneInfo("UTC"), 3600, agent="larry")

    def look(at: Intake) -> bool:
        hub = cast("Hub", SimpleNamespace(committer=at.committer, roster=at.roster))
        return MaintenanceWindows(hub, [window])._open()

    assert look(intake)
    [id_] = intake.committer.book.silences
    if by_hand:
        assert intake.committer.lift(id_)
    intake.committer.forget("larry")
    assert not look(intake)
    await intake.committer.write(save_all=True)
    await intake.store.close()
    again = Intake(tmp_path / "home")
    book = again.committer.book
    assert (list(book.silences), list(book.planned)) == (([], [id_]) if by_hand else ([id_], []))
    await again.store.close()
