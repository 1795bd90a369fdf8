"""The hub's own clock, wrong in every way: who is blamed, what is kept, what is judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet.auditor.capture.line_format import Captured, read_file
from fleet.auditor.capture.recorder import Bounds, CaptureWriter
from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import AlertState, HubAlertCode, Notice
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Fact
from fleet.domain.hub_clock import WAIT, Anchor, Doubt, Step
from fleet.domain.silences import Silence
from fleet.domain.verdict import Verdict
from fleet.hub import machine_clock
from fleet.hub.clock_keeper import ClockKeeper
from fleet.hub.committer import HUB
from fleet.hub.machine_clock import Kept
from tests.support.intake import Intake, beat
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

HOUR, DAY = 3_600.0, 86_400.0
YEAR = 365 * DAY
JUMPS = [HOUR, -HOUR, 30 * DAY, -30 * DAY, 10 * YEAR, -10 * YEAR]
jumps = pytest.mark.parametrize("jump", JUMPS)
AGENTS = ("ada", "bob", "cy")
CLOCK, SKEW = HubAlertCode.HUB_CLOCK, HubAlertCode.CLOCK_SKEW


class World:
    """Three agents that beat every ten seconds, one that is dead, and a hub whose machine's clock
    is off by `error`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.true = NOON
        self.error = 0.0
        self.numbers = dict.fromkeys(AGENTS, 0)
        self.sent = 0
        self.steps: list[Step] = []
        self.asked: list[Notice] = []
        self.listened = 0
        self.settled = True
        self.intake: Any = None

    def open(self, **known: Any) -> None:
        self.intake = Intake(self.folder / "home", at=self.clocks, **known)
        self.sent = 0
        self.keeper = ClockKeeper(
            self.intake.committer, self.folder / "home", lambda: self.settled, self.announce,
            self.listen_again, self.step,
        )  # fmt: skip
        self.task = asyncio.create_task(self.intake.ingest.run())
        self.intake.roster.stop_listening(float("-inf"))
        self.intake.roster.resume_listening(self.intake.committer.now())

    def clocks(self) -> tuple[float, float]:
        return self.true + self.error, self.true - NOON

    async def announce(self, notice: Notice) -> None:
        self.asked.append(notice)

    async def listen_again(self) -> None:
        self.listened += 1

    def step(self, step: Step) -> None:
        self.steps.append(step)
        self.intake.committer.restamp(step)

    async def say(self, *messages: Inbound) -> None:
        self.intake.bus.deliver(*messages)
        self.sent += len(messages)
        await eventually(lambda: len(self.intake.bus.acked) == self.sent)

    async def pass_(self, seconds: int, *, dead: tuple[str, ...] = ()) -> None:
        """Time passes; each agent beats every ten seconds."""
        for _ in range(seconds):
            self.true += 1
            if int(self.true) % 10 == 0:
                heard = []
                for agent in set(AGENTS) - set(dead):
                    number, self.numbers[agent] = self.numbers[agent], self.numbers[agent] + 1
                    ts = timestamp(self.true)
                    heard.append(beat(agent, ts=ts, boot=1, seq=number, interval=10))
                await self.say(*sorted(heard))
            self.keeper._weighed = float("-inf")  # its own seconds do not pass here
            await self.keeper.look()
            now = self.intake.committer.now()
            await self.intake.committer.write(self.intake.roster.tick(now))

    async def close(self) -> None:
        await self.intake.committer.write(save_all=True)
        await self.keeper.save()
        await self.end()

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})
        await self.intake.store.close()

    def verdicts(self) -> dict[str, Verdict]:
        now = self.intake.committer.now()
        return {view.agent: view.state for view in self.intake.roster.views(now)}

    def firing(self) -> set[tuple[str, str]]:
        return {(alert.agent, alert.code) for alert in self.intake.committer.book.firing()}


WELL = dict.fromkeys(AGENTS, Verdict.OK)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.end()


@pytest.fixture(autouse=True)
def unsynchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_clock, "synchronised", lambda: None)


@jumps
async def test_a_jump_while_serving_blames_the_machine_and_nobody_else(world: World, jump: float):
    world.open()
    await world.pass_(30)
    world.error = jump
    await world.pass_(1)
    assert world.firing() == {(HUB, CLOCK)}, "at once"
    assert world.asked == [Notice.HUB_ONLINE]
    await world.pass_(90, dead=("cy",))
    assert world.firing() == {(HUB, CLOCK), ("cy", "agent-stale")}
    assert world.verdicts() == {**WELL, "cy": Verdict.STALE}, "silence is counted all the same"
    world.error = 0.0
    await world.pass_(1, dead=("cy",))
    assert world.firing() == {("cy", "agent-stale")}
    assert world.steps == []


@jumps
async def test_across_a_restart_with_a_wrong_clock_all_goes_on(world: World, jump: float):
    world.open()
    await world.pass_(60)
    await world.close()
    before = world.intake
    world.error = jump
    world.true += 20
    world.open()
    assert world.intake.committer.now() == pytest.approx(world.true, abs=1)
    await world.pass_(60)
    assert world.firing() == {(HUB, CLOCK)}
    assert world.verdicts() == WELL
    world.error = 0.0
    await world.pass_(2)
    assert world.firing() == set()
    assert before is not world.intake


@jumps
async def test_a_hub_that_was_wrong_puts_right_all_that_it_keeps(world: World, jump: float):
    """What the issue calls poisoned: the last hub believed a wrong clock."""
    world.error = jump
    world.open(kept=None, trusted=True)
    await world.pass_(10, dead=AGENTS[1:])
    await world.pass_(20, dead=("cy",))
    now = world.intake.committer.now()
    world.intake.committer.silence(Silence(ulid(now), now + HOUR, code="agent-late"))
    await world.close()
    world.error = 0.0
    world.true += 10
    world.open()
    await world.pass_(int(WAIT) + 35, dead=("cy",))
    assert world.intake.committer.now() == pytest.approx(world.true, abs=1)
    assert world.listened == len(world.steps) <= 1
    assert (HUB, CLOCK) not in world.firing()
    assert not [agent for agent, code in world.firing() if code == SKEW]
    assert {a: v for a, v in world.verdicts().items() if a != "cy"} == {"ada": "ok", "bob": "ok"}
    [silence] = world.intake.committer.book.silences.values()
    assert silence.until - world.true < HOUR + 60, "as long as it was meant to be"
    stored = await world.intake.store.history(limit=1_000)
    ids = [message.id for message in stored.messages]
    assert ids == sorted(set(ids))
    assert len(ids) == sum(world.numbers.values()), "nothing is lost"
    later = await world.intake.store.history(since=world.true - 20, until=world.true + 5)
    assert later.messages, "and found by the time"


@jumps
async def test_a_hub_that_is_wrong_from_the_first_second_is_outvoted(world: World, jump: float):
    world.error = jump
    world.open()
    await world.pass_(31)
    assert world.firing() == {(HUB, CLOCK)}, "and no agent's clock is blamed"
    assert world.verdicts() == WELL
    now = world.intake.committer.now()
    assert all(abs(view.skew or 0) < 5 for view in world.intake.roster.views(now))
    world.error = 0.0
    await world.pass_(int(WAIT) + 12)
    assert world.intake.committer.now() == pytest.approx(world.true, abs=1)
    await world.pass_(20)
    assert world.firing() == set()
    assert world.verdicts() == WELL


@jumps
async def test_while_it_is_in_doubt_nothing_is_too_old(world: World, jump: float):
    world.open()
    await world.pass_(10)
    world.error = jump
    await world.pass_(20)
    time = world.intake.committer.time
    assert time.due(14) == 0.0
    world.error = 0.0
    await world.pass_(1)
    assert time.due(14) == pytest.approx(world.true, abs=1)


async def test_where_all_share_the_wrong_clock_nothing_falls_due_by_it(world: World):
    """One machine for all: the clocks of its agents jump with it."""
    world.open()
    await world.pass_(20)
    world.true += 30 * DAY  # for everybody; the monotonic clock tells otherwise
    leap = 30 * DAY
    world.clocks = lambda: (world.true, world.true - NOON - leap)  # type: ignore[method-assign]
    world.intake.at = world.clocks
    await world.pass_(20)
    assert world.steps, "it is believed"
    assert world.intake.committer.time.due(14) == pytest.approx(world.true - leap, abs=1)
    assert world.verdicts() == WELL


@jumps
async def test_in_a_backlog_it_waits_and_loses_nothing(world: World, jump: float):
    """What waited is dated as a wrong clock would have it, where that is behind."""
    world.open()
    await world.pass_(20)
    committer, folder = world.intake.committer, world.folder / "capture"
    small = Bounds(file_bytes=1_000)
    capture = CaptureWriter(folder, small, committer.now, committer.time.due)
    world.error = jump
    world.settled = False
    ago = max(-jump, HOUR)
    old = [beat(a, ts=timestamp(NOON + 20 - ago + n / 100)) for n in range(100) for a in AGENTS]
    for message in old:
        capture.write(committer.now(), message.topic, message.payload, False)
    capture.close()
    await world.say(*old)
    await world.pass_(30)
    assert world.steps == []
    assert world.firing() == {(HUB, CLOCK)}
    world.settled = True
    await world.pass_(30)
    assert world.steps == []
    stored = await world.intake.store.history(limit=1_000)
    assert len(stored.messages) == len(old) + sum(world.numbers.values())
    written = [m for path in sorted(folder.iterdir()) for m in read_file(path)]
    assert [m.payload for m in written if isinstance(m, Captured)] == [m.payload for m in old]
    world.error = 0.0
    await world.pass_(2)
    assert world.firing() == set()
    assert world.verdicts() == WELL


async def test_retained_state_is_not_called_forged_while_nobody_knows_the_time(world: World):
    world.open()
    await world.say(beat("ada", ts=timestamp(NOON)))
    await world.close()
    world.true += 21 * DAY  # another run of the machine, weeks later
    world.clocks = lambda: (world.true, 5.0)  # type: ignore[method-assign]
    world.open(kept=Kept(Anchor(NOON, 900.0, "another")))
    assert world.intake.committer.time.error is None
    await world.say(beat("ada", ts=timestamp(world.true - 60), retain=True))
    assert not world.intake.counters.facts[Fact.RETAINED_FORGED]
    assert world.intake.committer.time.doubt is Doubt.STARTED


async def test_an_alert_of_a_wrong_time_is_told_as_soon_as_one_of_the_right(world: World):
    world.error = 30 * DAY
    world.open(trusted=True)
    await world.pass_(10)
    at = world.intake.committer.now()
    await world.close()
    world.error = 0.0
    world.open()
    await world.pass_(60, dead=("ada",))
    alert = world.intake.committer.book.alerts["ada", "agent-late"]
    assert alert.state is AlertState.FIRING or alert.since < at
    assert alert.since <= world.true
    groups = world.intake.committer.book.due(world.true + 6)
    assert "agent-stale" in {group.code for group in groups}


async def test_who_is_not_here_has_no_say_about_the_time(world: World):
    world.open()
    await world.pass_(20)
    world.intake.roster.enrol({"ada": Enrolment()}, at=world.true)
    world.error = HOUR
    strangers = [beat(f"stranger-{n}", ts=timestamp(world.true + HOUR)) for n in range(20)]
    await world.say(*strangers)
    await world.say(*strangers)
    await world.pass_(60)
    assert world.steps == []
    assert world.intake.committer.now() == pytest.approx(world.true, abs=1)


def test_what_is_noted_for_the_next_hub_comes_back(tmp_path: Path):
    kept = Kept(Anchor(NOON, 1.5, "b"), {"served": 3.0, "leaps": [[1.0, 2.0]]})
    assert machine_clock.read(tmp_path) is None
    assert machine_clock.write(tmp_path, kept)
    assert machine_clock.read(tmp_path) == kept
    assert (tmp_path / machine_clock.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": "x"}', '{"at":1,"ticks":1,"boot":"b"}'])
def test_half_a_note_is_none(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture):
    (tmp_path / machine_clock.FILE).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert machine_clock.read(tmp_path) is None
    assert "not usable" in caplog.text


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path):
    (tmp_path / "home").write_text("a file where a folder should be")
    kept = Kept(Anchor(NOON, 1.5, "b"))
    assert not machine_clock.write(tmp_path / "home", kept)


def test_the_machine_says_what_it_knows():
    before = machine_clock.ticks()
    assert machine_clock.ticks() >= before
    assert machine_clock.synchronised() in (True, False, None)
    assert machine_clock.floor() > 0
