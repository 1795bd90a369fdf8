"""R17: two Mosquittos with a bridge; either is killed, or stopped for a while, or both restart."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.broker import Mosquitto
from tests.support.pair import Pair
from tests.support.twins import HURRIED
from tests.support.waiting import wait_until

AGENTS = ("alpha", "beta")
RATE = 10.0
PATIENCE = 3
"""More looks, of a minute each, for what waits in outboxes: the machine may be a busy one."""

BACK_WITHIN = 60.0
"""Seconds until the hub is at the first broker again, which it has in view for three here."""


def run(folder: Path, short: bool) -> Finding:
    rounds = 1 if short else 3
    pair = Pair(folder / "pair").start()
    moved: list[float] = []
    try:
        with World(folder, url=pair.url, **HURRIED) as world:
            world.hub.start()
            wait_until(lambda: world.metric("fleet_bridge_up") == 1, what="the bridge")
            fleet = [world.sidecar(name, **HURRIED) for name in AGENTS]
            with world.talking(fleet[0], RATE), world.talking(fleet[1], RATE):
                for _ in range(rounds):
                    time.sleep(1)
                    moved.append(lost(world, pair.first, signal.SIGKILL, pair.second))
                    time.sleep(1)
                    pair.first.start()
                    wait_until(lambda: at(world, pair.first), BACK_WITHIN, "the way back")
                    time.sleep(1)
                    pair.second.kill()
                    time.sleep(1)
                    pair.second.start()
                    time.sleep(1)
                    for broker in (pair.first, pair.second):
                        broker.kill()
                    time.sleep(0.5)
                    pair.start()
                    wait_until(lambda: linked(world), BACK_WITHIN, "a link after both")
                    if not short:
                        half_open(world, pair)
            found = world.compare()
            for _ in range(PATIENCE):
                found = found if found.lost == 0 else world.compare()
            again = told_again(world)
    finally:
        pair.kill()
    return Finding(
        f"{rounds} x first killed, second killed, both: {found}, {again} told again; the hub was"
        f" at the second {max(moved):.1f} s after at most",
        found.lost == 0 and not again,
        {"rounds": rounds, "said": found.said, "moved": max(moved)},
    )


def half_open(world: World, pair: Pair) -> None:
    """The first stands still, and nobody hears of it: its links are open. Then it goes on."""
    wait_until(lambda: at(world, pair.first), BACK_WITHIN, "the way back")
    pair.first.send_signal(signal.SIGSTOP)
    wait_until(lambda: at(world, pair.second), 90, "the hub at the second")
    time.sleep(2)
    pair.first.send_signal(signal.SIGCONT)
    wait_until(lambda: at(world, pair.first), BACK_WITHIN, "the way back")


def lost(world: World, broker: Mosquitto, number: signal.Signals, other: Mosquitto) -> float:
    """Seconds from the death of `broker` until the hub is linked to the other."""
    wait_until(lambda: at(world, broker), BACK_WITHIN, "the hub's place")
    began = time.monotonic()
    broker.kill()
    wait_until(lambda: at(world, other), BACK_WITHIN, "the hub at the other")
    return time.monotonic() - began


def told_again(world: World) -> int:
    """Alerts that were taken twice. A retained copy that seemed to be of the future, while the hub
    doubted its own clock, is kept as evidence and told to nobody."""
    rows = world.hub.query(
        "SELECT agent, payload FROM message WHERE kind = 2 AND NOT retained"
        " GROUP BY agent, payload HAVING count(*) > 1"
    )
    return len(rows)


def linked(world: World) -> bool:
    return world.metric("fleet_link_up") == 1


def at(world: World, broker: Mosquitto) -> bool:
    """Whether the hub is linked to `broker`."""
    wanted = f'fleet_broker_in_use{{broker="127.0.0.1:{broker.port}"}} 1'
    try:
        told = world.hub.scrape()
    except OSError:
        return False
    return wanted in told and "\nfleet_link_up 1" in told


SCENARIO = Scenario(
    "R17",
    "two Mosquittos with a bridge: first, second, both killed under load; the first half open",
    "0 lost, 0 doubled",
    run,
    slow="brokers that come back are believed after seconds only",
)
