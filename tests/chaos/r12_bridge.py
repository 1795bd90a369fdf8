"""R12: agents on one site, the hub on another, joined by a Mosquitto bridge; both ends die."""

from __future__ import annotations

import random
import time
from pathlib import Path

from fleet.bus.local_broker import LIMITS, STATE
from fleet.contract.topics import FROM_AGENT, TO_AGENT, Topics
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.broker import Mosquitto


def bridge(world: World) -> tuple[str, ...]:
    """What agents say goes out to the hub's site; what the hub says comes in."""
    topics = Topics()
    return (
        "connection site",
        f"address 127.0.0.1:{world.broker.port}",
        "cleansession false",
        "restart_timeout 1",
        *(f"topic {topics.every(kind)} out 1" for kind in FROM_AGENT),
        *(f"topic {topics.every(kind)} in 1" for kind in TO_AGENT),
        f"topic {topics.broadcast} in 1",
    )


def run(folder: Path, short: bool) -> Finding:
    kills = 1 if short else 10
    with World(folder) as world:
        lines = (*LIMITS, *STATE[1:], *bridge(world))
        site = Mosquitto(folder / "site", lines, persistence=True).start()
        try:
            world.hub.start()
            alpha = world.sidecar("alpha", url=site.url)
            with world.talking(alpha, 100):
                for _ in range(kills):
                    for end in (site, world.broker):
                        time.sleep(random.uniform(0.2, 2.0))
                        end.kill()
                        time.sleep(random.uniform(0, 1.0))
                        end.start()
                time.sleep(0.5)
            found = world.compare()
        finally:
            world.sidecars["alpha"].kill()
            site.kill()
    return Finding(
        f"each end killed {kills} x under 100 alerts/s: {found}",
        found.whole,
        {"kills": 2 * kills, "said": found.said},
    )


SCENARIO = Scenario(
    "R12", "two sites joined by a Mosquitto bridge, both ends killed", "0 lost", run
)
