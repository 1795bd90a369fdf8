"""Which time the hub goes by, for every way in which its machine's clock may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fleet.domain.hub_clock import FAR, SILENCE, WAIT, Anchor, Doubt, HubClock, Step
from tests.support.telemetry import NOON

HOUR, DAY, YEAR = 3_600.0, 86_400.0, 365 * 86_400.0
JUMPS = [HOUR, -HOUR, 30 * DAY, -30 * DAY, 10 * YEAR, -10 * YEAR]
jumps = pytest.mark.parametrize("jump", JUMPS)


@dataclass
class World:
    """The truth, the machine's error, and agents with errors of their own."""

    true: float = NOON
    error: float = 0.0
    agents: dict[str, float] = field(default_factory=lambda: {"ada": 0.0, "bob": 0.0, "cy": 0.0})
    synchronised: bool | None = None
    clock: HubClock = field(default_factory=HubClock)
    step: Step | None = None

    @property
    def wall(self) -> float:
        return self.true + self.error

    @property
    def ticks(self) -> float:
        return self.true - NOON + 100.0

    @property
    def stamp(self) -> float:
        return self.clock.now(self.wall, self.ticks)

    def start(self, **known: object) -> World:
        self.clock = HubClock()
        self.clock.begin(self.wall, self.ticks, **known)  # type: ignore[arg-type]
        return self

    def pass_(self, seconds: float, *, settled: bool = True) -> None:
        """Time passes; each second all agents speak and the clock is judged."""
        for _ in range(int(seconds)):
            self.true += 1
            stamp = self.stamp
            if self.clock.listens:
                for name, error in self.agents.items():
                    self.clock.hear(name, self.true + error, self.ticks)
            skews = [stamp - self.true - error for error in self.agents.values()]
            step = self.clock.judge(
                self.wall, self.ticks, settled=settled, synchronised=self.synchronised,
                skews=skews,
            )  # fmt: skip
            self.step = step or self.step


@jumps
def test_a_jump_while_serving_moves_no_stamp_and_is_doubted_at_once(jump: float):
    world = World().start()
    world.pass_(10)
    world.error = jump
    assert world.stamp == world.true
    assert world.clock.doubt is Doubt.STEPPED
    world.pass_(3_600)
    assert world.stamp == pytest.approx(world.true), "the agents say that the clock is wrong"
    assert world.clock.off(world.wall, world.ticks) == pytest.approx(jump)
    world.error = 0.0
    assert world.stamp == pytest.approx(world.true)
    assert world.clock.doubt is None, "as soon as it is right again"
    assert world.step is None


@jumps
def test_a_start_with_a_clock_that_is_off_goes_on_from_the_last_stamp(jump: float):
    world = World(error=jump).start(last_at=NOON - 10, boot="b", anchor=Anchor(NOON - 10, 90, "b"))
    assert world.stamp == NOON, "the machine has run since, so it is known to the second"
    assert world.clock.doubt is Doubt.STARTED
    world.pass_(60)
    assert (world.clock.doubt, world.step) == (Doubt.STARTED, None)
    world.error = 0.0
    world.pass_(1)
    assert world.clock.doubt is None
    assert world.stamp == pytest.approx(world.true)


@jumps
def test_a_hub_that_stamped_wrong_steps_back_once_most_agents_say_so(jump: float):
    wrong = NOON + jump
    world = World().start(last_at=wrong, boot="b", anchor=Anchor(wrong, 100, "b"))
    assert world.clock.doubt is Doubt.STARTED
    assert world.stamp == wrong
    world.pass_(int(WAIT) + 1)
    assert world.clock.doubt is None
    assert world.stamp == world.true
    assert world.step is not None
    assert world.step.by == pytest.approx(-jump)
    assert world.step.moved(wrong + 2) == pytest.approx(NOON + 2), "stamped in doubt"
    assert world.step.moved(NOON - 60) == NOON - 60, "stamped before, by a clock that was right"


@jumps
def test_after_another_start_of_the_machine_only_a_near_and_later_time_is_believed(jump: float):
    world = World(error=jump).start(last_at=NOON, boot="new", anchor=Anchor(NOON, 9_000, "old"))
    believed = 0 <= jump <= FAR
    assert (world.clock.doubt is None) is believed
    if not believed:
        world.pass_(60)
        assert world.clock.doubt is Doubt.STARTED


@jumps
def test_a_hub_that_was_wrong_from_its_first_start_is_outvoted(jump: float):
    world = World(error=jump).start()
    world.pass_(2)
    assert world.clock.doubt is Doubt.OUTVOTED
    assert world.clock.error == pytest.approx(jump), "so no agent is to be blamed"
    world.error = 0.0
    world.pass_(int(WAIT) + 2)
    assert world.clock.doubt is None
    assert world.stamp == world.true
    assert world.step is not None
    assert world.step.moved(NOON + jump + 1) == pytest.approx(NOON + 1), "all since the start"


def test_a_machine_that_slept_is_believed_when_the_agents_agree():
    world = World().start()
    world.pass_(5)
    at = world.stamp
    world.error = HOUR  # the monotonic clock stood still
    world.agents = dict.fromkeys(world.agents, HOUR)
    world.pass_(int(WAIT) + 1)
    assert world.clock.doubt is None
    assert world.stamp == world.wall
    assert world.step is not None
    assert world.step.moved(at - 1) == at - 1, "what came before is an hour old"
    assert world.step.moved(at + 3) == at + 3 + HOUR


def test_a_backlog_that_is_dated_early_does_not_decide():
    world = World().start()
    world.error = -HOUR
    world.agents = dict.fromkeys(world.agents, -HOUR)  # what waited is as old as the clock is wrong
    world.pass_(60, settled=False)
    assert world.clock.doubt is Doubt.STEPPED
    world.agents = dict.fromkeys(world.agents, 0.0)
    world.pass_(60)
    assert world.clock.doubt is Doubt.STEPPED
    assert world.stamp == world.true


@pytest.mark.parametrize("liars", [1, 2])
def test_a_minority_decides_nothing(liars: int):
    world = World(agents={f"a{n}": (DAY if n < liars else 0.0) for n in range(5)}).start()
    world.error = DAY
    world.pass_(120)
    assert world.clock.doubt is Doubt.STEPPED
    assert world.stamp == world.true


def test_no_vote_moves_stamps_anywhere_but_to_the_wall_clock():
    world = World(agents={"a": 7 * DAY, "b": 7 * DAY, "c": 7 * DAY}).start()
    world.error = DAY
    world.pass_(120)
    assert world.stamp == world.true
    assert world.clock.doubt is Doubt.STEPPED


def test_where_no_agent_speaks_time_synchronisation_decides():
    world = World(agents={}, synchronised=True).start(last_at=NOON - 30 * DAY)
    assert world.clock.doubt is Doubt.STARTED
    world.pass_(int(SILENCE) + 1)
    assert world.clock.doubt is None
    assert world.stamp == world.true
    alone = World(agents={}).start(last_at=NOON - 30 * DAY)
    alone.pass_(600)
    assert alone.clock.doubt is Doubt.STARTED, "and where nobody knows, it stays a doubt"


def test_one_agent_that_is_off_is_the_one_to_blame():
    world = World(agents={"ada": HOUR}).start()
    world.pass_(30)
    assert world.clock.doubt is None
    world.agents |= {"bob": 0.0, "cy": 0.0}
    world.pass_(30)
    assert (world.clock.doubt, world.clock.error) == (None, 0.0)


def test_a_person_may_vouch_for_the_clock():
    world = World().start(last_at=NOON - YEAR, trusted=True)
    assert world.clock.doubt is None
    assert world.stamp == NOON


def test_a_time_that_is_over_for_sure_exposes_a_clock_that_lost_its_battery():
    world = World(error=-NOON).start(floor=NOON - 90 * DAY)
    assert world.clock.doubt is Doubt.STARTED
    world.error = 0.0
    world.pass_(int(WAIT) + 1)
    assert (world.clock.doubt, world.stamp) == (None, world.true)


def test_small_corrections_are_followed_without_a_stamp_that_goes_back():
    world = World().start()
    world.error = 3.0
    assert world.stamp == world.wall
    before, world.error = world.stamp, 0.0
    world.true += 10
    assert world.stamp == pytest.approx(before + 9)
    world.true += 60
    assert world.stamp == pytest.approx(world.true)
    assert world.clock.doubt is None
