"""What a hub raised of an agent the next one ends, once it is over, and tells no second time: one
that begins with the store, after a clean end or a kill, and one that has followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fleet.bus.port import Inbound
from fleet.commander.enrolment_sync import EnrolmentSync
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.enrolment import Enrolment
from fleet.domain.events import Event, Fact
from fleet.domain.hub_alerts import BY_RECORD
from fleet.domain.twins import HOLD
from fleet.domain.verdict import Verdict
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.provisioning.registry import Enrolled, Registry
from tests.support import intake
from tests.support.followed_hub import FollowedHub, begun, hears

ADA = "ada"
SELDOM = 3600
"""Seconds between beats of one of which time alone tells."""
ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
MEMBERS = {name: Enrolment(labels={"group": "red"}) for name in (ADA, "bob", "cyd")}


class World:
    """One agent's story, heard by a hub that ends in its middle and by the next one.

    Attributes:
        hub: whoever leads.
        list: of who is enrolled; None: there is none.
    """

    def __init__(self, home: Path) -> None:
        self.fleet = FollowedHub(home)
        self.hub = self.fleet.leader
        self.list: dict[str, Enrolment] | None = None
        self.seq = 0

    def enrol(self, members: dict[str, Enrolment]) -> list[Event]:
        self.list = members
        return self.hub.roster.enrol(members, at=self.fleet.at)

    async def beats(self, *, ahead: float = 0.0, **said: Any) -> None:
        self.seq += 1
        await self._hears(intake.beat, ADA, ahead, {"boot": 7, "seq": self.seq, **said})

    async def states(self, agent: str = ADA, **said: Any) -> None:
        self.seq += 1
        await self._hears(intake.status, agent, 0.0, {"boot": 7, "seq": self.seq, **said})

    async def _hears(
        self, message: Callable[..., Inbound], agent: str, ahead: float, said: dict[str, Any]
    ) -> None:
        ts = timestamp(self.fleet.at + ahead)
        await hears(self.hub, message(agent, **{"ts": ts, **said}))

    async def waits(self, seconds: float) -> None:
        """A hub looks at time each second."""
        until = self.fleet.at + seconds
        while self.fleet.at < until:
            self.fleet.at = min(self.fleet.at + 1, until)
            await self.hub.committer.write(self.hub.roster.tick(self.fleet.at))

    async def beats_for(self, seconds: float, **said: Any) -> None:
        for _ in range(int(seconds / 10)):
            await self.waits(10)
            await self.beats(**said)

    async def turns(self, count: int) -> None:
        """Two sidecars with one credential push each other out."""
        for number in range(count):
            boot = 8 if number % 2 else 7
            await self._hears(intake.status, ADA, 0.0, {"boot": boot, "seq": 2 * number})
            await self.waits(0.5)
            await self._hears(intake.beat, ADA, 0.0, {"boot": boot, "seq": 2 * number + 1})
            await self.waits(1.5)
        self.seq = 2 * count

    def fires(self, code: HubAlertCode) -> bool:
        return self.hub.committer.book.fires(ADA, code)


Step = Callable[[World], Awaitable[None]]


async def is_silent(world: World, seconds: float) -> None:
    await world.beats()
    await world.waits(seconds)


async def is_late(world: World) -> None:
    await is_silent(world, 22)


async def is_stale(world: World) -> None:
    await is_silent(world, 60)


async def goes(world: World) -> None:
    await world.beats()
    await world.states(state="offline")


async def comes_back(world: World) -> None:
    await world.states(boot=9, seq=0)
    await world.beats(boot=9, seq=1)


async def is_a_stranger(world: World) -> None:
    await world.hub.committer.write(world.enrol({"bob": Enrolment()}))
    await world.beats()


async def is_enrolled(world: World) -> None:
    await world.hub.committer.write(world.enrol({"bob": Enrolment(), ADA: Enrolment()}))


async def has_a_wrong_clock(world: World) -> None:
    for _ in range(2):
        await world.beats(ahead=60)
        await world.waits(10)


async def has_a_right_clock(world: World) -> None:
    for _ in range(3):
        await world.beats()
        await world.waits(10)


async def lacks_some(world: World) -> None:
    await world.beats(interval=SELDOM)
    world.seq += 3
    await world.beats(interval=SELDOM)
    await world.waits(70)


async def says_them_after_all(world: World) -> None:
    seq = world.seq
    world.seq = 1
    for _ in range(3):
        await world.states()
    world.seq = seq


async def contradicts_itself(world: World) -> None:
    await world.beats_for(30, checks={"process": "fail"})


async def is_unwell(world: World) -> None:
    await world.beats(ok=False, interval=SELDOM)
    await world.waits(310)


async def is_well(world: World) -> None:
    await world.beats(checks={"process": "pass"})


async def takes_turns(world: World) -> None:
    await world.turns(9)


async def is_one_again(world: World) -> None:
    await world.waits(HOLD + 10)
    await world.beats()


async def drifts(world: World) -> None:
    await world.states(config=ONE)
    await world.states(config=TWO)


async def is_put_right(world: World) -> None:
    await world.states(config=ONE)


async def differs_from_its_group(world: World) -> None:
    await world.hub.committer.write(world.enrol(MEMBERS))
    await world.states(config=TWO)
    await world.waits(6)
    for other in ("bob", "cyd"):
        await world.states(other, config=ONE)


async def has_its_group_follow(world: World) -> None:
    for other in ("bob", "cyd"):
        await world.states(other, config=TWO)


STORIES: tuple[tuple[HubAlertCode, Step, Step], ...] = (
    (HubAlertCode.AGENT_LATE, is_late, is_well),
    (HubAlertCode.AGENT_STALE, is_stale, is_well),
    (HubAlertCode.AGENT_OFFLINE, goes, comes_back),
    (HubAlertCode.AGENT_GHOST, is_a_stranger, is_enrolled),
    (HubAlertCode.CLOCK_SKEW, has_a_wrong_clock, has_a_right_clock),
    (HubAlertCode.SEQ_GAP, lacks_some, says_them_after_all),
    (HubAlertCode.TELEMETRY_DISSENT, contradicts_itself, is_well),
    (HubAlertCode.AGENT_DEGRADED, is_unwell, is_well),
    (HubAlertCode.CREDENTIAL_USED_TWICE, takes_turns, is_one_again),
    (HubAlertCode.CONFIG_DRIFT, drifts, is_put_right),
    (HubAlertCode.CONFIG_DRIFT, differs_from_its_group, has_its_group_follow),
)


async def ends_cleanly(world: World, _: Follower) -> Hub:
    await world.hub.committer.write(save_all=True)
    return world.fleet.hub()


async def is_killed(world: World, _: Follower) -> Hub:
    return world.fleet.hub()


async def is_followed(world: World, follower: Follower) -> Hub:
    await world.fleet.tell()
    return await is_followed_and_killed(world, follower)


async def is_followed_and_killed(world: World, follower: Follower) -> Hub:
    """Before its next word."""
    hub = world.fleet.hub()
    hub.leading.roster = await follower.caught_up()
    assert hub.leading.roster is not None
    return hub


ENDS = (ends_cleanly, is_killed, is_followed, is_followed_and_killed)


def named(one: object) -> str:
    return str(getattr(one, "__name__", one))


def test_each_code_that_a_record_raises_has_its_story() -> None:
    assert {code for code, _, _ in STORIES} == BY_RECORD


@pytest.mark.parametrize("end", ENDS, ids=named)
@pytest.mark.parametrize(
    ("code", "begins", "is_over"), STORIES, ids=lambda one: str(getattr(one, "__name__", one))
)
async def test_the_next_hub_goes_on_with_an_alert_and_ends_it(
    code: HubAlertCode, begins: Step, is_over: Step, end: Any, tmp_path: Path
) -> None:
    for over in (False, True):
        home = tmp_path / str(over)
        home.mkdir()
        world = World(home)
        following: Any = world.fleet
        follower = Follower(world.fleet.hub(), following)
        await world.fleet.tell()
        await follower.look()
        await begins(world)
        assert world.fires(code)
        world.hub = await end(world, follower)
        await begun(world.hub)
        if world.list is not None:
            await world.hub.committer.write(world.enrol(world.list))
        if over:
            await is_over(world)
        world.fleet.at += 1
        events = world.hub.roster.resume_listening(world.fleet.at)
        await world.hub.committer.write(events)
        assert world.fires(code) is not over
        told = [event for event in events if event.word == code and event.agent == ADA]
        assert over or not told, "it is no news"


async def test_what_one_sent_beyond_its_budget_is_known_to_the_next_hub(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.beats_for(60)
    world.hub.ingest.keeping.budget = DailyBudget(1)
    await world.beats_for(60)
    await world.waits(6)
    assert len(world.fleet.database.messages) == 6
    world.hub = world.fleet.hub()
    await begun(world.hub)
    await world.beats()
    found = {stored.event.fact for stored in world.fleet.database.events}
    assert Fact.GAP not in found


async def test_since_when_an_agent_is_silent_outlives_a_hub(tmp_path: Path) -> None:
    world = World(tmp_path)
    await is_stale(world)
    await world.waits(10)
    since = world.hub.roster.view(ADA, world.fleet.at).since
    world.hub = world.fleet.hub()
    await begun(world.hub)
    world.fleet.at += 60
    events = world.hub.roster.resume_listening(world.fleet.at)
    assert world.hub.roster.view(ADA, world.fleet.at).since == since
    assert not events


async def test_one_that_begins_to_read_knows_who_is_silent_and_since_when(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hub.committer.write(world.enrol(MEMBERS))
    await is_stale(world)
    await world.waits(10)
    await world.states("bob")
    await world.waits(10)
    await world.fleet.tell()
    reader, following = world.fleet.hub(), cast("Any", world.fleet)
    follower = Follower(reader, following)
    while await follower.look():
        pass
    assert reader.roster.verdict(ADA) is Verdict.STALE
    led = world.hub.roster.view(ADA, world.fleet.at)
    assert reader.roster.view(ADA, world.fleet.at).since == led.since


async def test_a_ghost_that_speaks_before_all_else_stays_acknowledged(tmp_path: Path) -> None:
    Registry(tmp_path).save(Enrolled("bob"))
    world = World(tmp_path)
    await is_a_stranger(world)
    await world.hub.committer.acknowledge(ADA, HubAlertCode.AGENT_GHOST, "mia")
    world.hub = world.fleet.hub()
    await begun(world.hub)
    nobody: Any = None
    departures: Any = SimpleNamespace(leaving=lambda: ["old"])
    sync = EnrolmentSync(world.hub, nobody, departures)
    sync.begin()
    assert set(world.hub.roster.enrolled or ()) == {"bob", "old"}, "renamed while no hub served"
    await world.beats()  # what waited at the broker comes first
    await sync.look()
    (alert,) = world.hub.committer.book.firing(ADA)
    assert (alert.code, alert.acknowledged_by) == (HubAlertCode.AGENT_GHOST, "mia")
