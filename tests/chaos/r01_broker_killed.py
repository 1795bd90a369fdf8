"""R1: the broker is killed again and again under a load of alerts."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World

RATE = 200
"""Alerts a second."""


def run(folder: Path, short: bool) -> Finding:
    kills = 3 if short else 20
    with World(folder) as world:
        world.hub.start()
        alpha = world.sidecar("alpha")
        with world.talking(alpha, RATE):
            for _ in range(kills):
                time.sleep(random.uniform(0.3, 1.5))
                world.broker.kill()
                world.broker.start()
            time.sleep(0.5)
        found = world.compare()
    return Finding(f"{kills} kills: {found}", found.whole, {"kills": kills, "said": found.said})


SCENARIO = Scenario(
    "R1", "broker kill -9 x 20 under 200 alerts/s", "0 alerts lost or doubled at the hub", run
)
