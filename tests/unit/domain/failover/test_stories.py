"""Stories of a pair, at random: whatever is lost, late, stopped or restarted, never two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_sidecar.pair.lease_keeper import Role, judged
from fleet.domain.failover.lease_book import LeaseBook
from fleet.domain.failover.life import Known, step
from fleet.domain.failover.pair import EPOCHS_SAID, GRACE, TTL, Pair, Phase
from fleet.domain.failover.signs import Said, Signs

SECONDS = 240
BEAT = 10


class Fault(NamedTuple):
    """From `at` for `lasts` s, at `whom` (0, 1: an agent; 2: the hub; 3: all links)."""

    at: int
    lasts: int
    whom: int
    what: str


faults = st.lists(
    st.builds(
        Fault,
        at=st.integers(5, SECONDS - 60),
        lasts=st.integers(1, 120),
        whom=st.sampled_from([0, 0, 1, 2, 3]),
        what=st.sampled_from(["kill", "cut", "cut", "slow", "reboot"]),
    ),
    max_size=5,
)


class Agent:
    """A machine with sidecar, guard and agent. Its own clock runs from anywhere; what it does about
    a lease that is over may take as long as is granted."""

    def __init__(self, name: str, offset: float, lays_down_in: float) -> None:
        self.name, self.offset, self.slow = name, offset, lays_down_in
        self.kept, self.boot_id, self.boot, self.seq = Role(), "first", 1, 0
        self.sent: dict[int, float] = {}
        self.active, self.over_since = False, None
        self.alive = True

    def clock(self, now: float) -> float:
        return now + self.offset

    def beat(self, now: float) -> dict[str, Any]:
        self.seq += 1
        self.sent[self.seq] = self.clock(now)
        said = Said(self.kept.epoch % EPOCHS_SAID, self.active, True)
        return {"agent": self.name, "boot": self.boot, "seq": self.seq, "said": said}

    def hear(self, lease: dict[str, Any], now: float) -> None:
        if not self.alive:
            return
        found = judged(self.kept, lease, self, self.boot_id, self.clock(now))
        if isinstance(found, Role):
            self.kept = found

    def guard(self, now: float) -> None:
        """It lives on where the sidecar is killed."""
        may = self.kept.may_be_active(self.boot_id, self.clock(now), fence=True)
        if may:
            self.over_since, self.active = None, True
        elif self.active:
            self.over_since = now if self.over_since is None else self.over_since
            if now - self.over_since >= self.slow:
                self.over_since, self.active = None, False

    def sent_at(self, seq: int) -> float | None:
        return self.sent.get(seq)

    def restart(self) -> None:
        self.boot, self.seq, self.sent = self.boot + 1, 0, {}

    def reboot(self, number: int) -> None:
        self.restart()
        self.boot_id, self.offset, self.active = f"start {number}", float(-number), False


class World:
    """Both agents, the hub and the ways between them, second by second."""

    def __init__(
        self, offsets: tuple[float, float], delay: int, lays_down_in: float, lies: bool = False
    ) -> None:
        names = ("ada", "bob")
        self.agents = {
            name: Agent(name, offset, lays_down_in)
            for name, offset in zip(names, offsets, strict=True)
        }
        self.delay, self.lies = delay, lies
        self.stored = Pair("p", *names, auto=True)
        self.hub_down = False
        self.queue: list[tuple[float, Callable[[float], None]]] = []
        self.start_hub(0)

    def start_hub(self, now: float) -> None:
        self.book = LeaseBook(now)
        self.started = now
        self.signs: dict[str, dict[str, Any]] = {}
        self.heard: dict[str, float] = {}

    def to_hub(self, message: dict[str, Any], now: float) -> None:
        if self.hub_down:  # a broker keeps it; the next beat says more
            return
        agent = message["agent"]
        known = self.signs.get(agent)
        if known and (message["boot"], message["seq"]) < (known["boot"], known["seq"]):
            return
        self.signs[agent] = message
        self.heard[agent] = now
        self.book.hear(agent, message["boot"], message["seq"], now)

    def hub(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        pair = self.stored

        def signs(agent: str) -> Signs:
            last = self.signs.get(agent)
            silent = now - self.heard.get(agent, self.started) > 25
            gone = self.lies or not self.agents[agent].active  # a source that lies fences nobody
            return Signs(silent, gone, last["said"] if last else None)

        known = Known(signs(pair.active), signs(pair.standby), self.book.is_over(pair.active, now))
        self.stored = pair = step(pair, known, now)
        leases = []
        for agent, role in zip(pair.agents, pair.roles(), strict=True):
            due = self.book.due(agent, pair.epoch)
            if due is not None:
                self.book.give(agent, pair.epoch, active=role == "active")
                lease = {"epoch": pair.epoch, "role": role, "ttl": TTL, "boot": due[0],
                         "seq": due[1]}  # fmt: skip
                leases.append((agent, lease))
        return leases


def told(world: World, faults: list[Fault]) -> int:
    """Run it; the most that were active at once."""
    most = 0
    for now in range(SECONDS):
        on = [fault for fault in faults if fault.at <= now < fault.at + fault.lasts]
        has = {(fault.whom, fault.what) for fault in on}
        for number, agent in enumerate(world.agents.values()):
            was, agent.alive = agent.alive, (number, "kill") not in has
            if agent.alive and not was:
                agent.restart()
            if any(f.at == now and f.whom == number and f.what == "reboot" for f in faults):
                agent.reboot(now)
            cut = has & {(number, "cut"), (3, "cut")}
            if agent.alive and now % BEAT == number and not cut:
                message = agent.beat(now)
                late = now + world.delay * ((3, "slow") in has)
                world.queue.append((late, lambda at, m=message: world.to_hub(m, at)))
            agent.guard(now)
        world.hub_down = (2, "kill") in has
        if any(f.at + f.lasts == now and f.whom == 2 and f.what == "kill" for f in faults):
            world.start_hub(now)
        leases = [] if world.hub_down else world.hub(now)
        for name, lease in leases:
            number = list(world.agents).index(name)
            if has & {(number, "cut"), (3, "cut")}:
                # A broker keeps it for a session that is away, and hands it over late.
                at = max(f.at + f.lasts for f in on if f.what == "cut")
            else:
                at = now + world.delay * bool(has & {(number, "slow"), (3, "slow")})
            hear = world.agents[name].hear
            world.queue.append((at, lambda at, lease=lease, hear=hear: hear(lease, at)))
        due = [one for one in world.queue if one[0] <= now]
        world.queue = [one for one in world.queue if one[0] > now]
        for _, deliver in due:
            deliver(now)
        most = max(most, sum(agent.active for agent in world.agents.values()))
    return most


offsets = st.tuples(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))


@settings(max_examples=300, deadline=None)
@given(offsets, st.integers(0, 90), st.floats(0, GRACE - 1), st.booleans(), faults)
def test_never_are_two_active(
    offsets: tuple[float, float],
    delay: int,
    lays_down_in: float,
    lies: bool,
    faults: list[Fault],
) -> None:
    assert told(World(offsets, delay, lays_down_in, lies), faults) <= 1


def test_who_dies_is_followed_within_a_lease_and_ten_seconds() -> None:
    for at in range(60, 75):
        world = World((5e6, -3600.0), 0, 5.0)
        told(world, [Fault(at, 200, 0, "kill")])
        assert (world.stored.active, world.stored.phase) == ("bob", Phase.STEADY)
        assert world.agents["bob"].active
        assert world.stored.failed_over is not None
        assert world.stored.failed_over - at <= TTL + 10


def test_without_faults_nothing_ever_changes() -> None:
    world = World((0.0, 0.0), 0, 1.0)
    assert told(world, []) == 1
    assert (world.stored.epoch, world.stored.phase) == (1, Phase.STEADY)
    assert world.agents["ada"].active
