"""R2: the hub is killed at random moments, during its start too."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from fleet.contract.timestamps import timestamp
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.hub import Publisher
from tests.support.waiting import wait_until


def run(folder: Path, short: bool) -> Finding:
    kills = 4 if short else 50
    ended = threading.Event()
    with World(folder) as world:
        world.hub.start()
        alpha = world.sidecar("alpha")
        plain = Publisher(world.broker, "plain")
        beats = 0

        def one_liners() -> None:
            """An agent without a sidecar: no numbers, no receipts, only the broker's word."""
            nonlocal beats
            while not ended.wait(0.01):
                beat = f'{{"ok":true,"ts":"{timestamp(time.time())}","uptime":{beats}}}'
                plain.publish("heartbeat", beat).wait_for_publish(30)
                beats += 1

        thread = threading.Thread(target=one_liners)
        thread.start()
        with world.talking(alpha, 100):
            for _ in range(kills):
                time.sleep(random.expovariate(2.0))
                world.hub.kill()
                world.hub.start()
        ended.set()
        thread.join()
        found = world.compare()
        stored = (
            "SELECT count(*), count(DISTINCT payload) FROM message"
            " JOIN agent ON agent.id = message.agent WHERE name = 'plain'"
        )
        wait_until(lambda: int(str(world.hub.query(stored)[0][0])) >= beats, 30, "the one-liners")
        ((rows, distinct),) = world.hub.query(stored)
        plain.close()
    lost, doubled = beats - int(str(distinct)), int(str(rows)) - int(str(distinct))
    seen = f"{kills} kills: {found}; {beats} one-liners, {lost} lost, {doubled} doubled"
    return Finding(
        seen, found.whole and not (lost or doubled), {"kills": kills, "said": found.said}
    )


SCENARIO = Scenario("R2", "hub kill -9 x 50 at random moments", "0 lost, 0 doubled", run)
