"""R3: sidecars are killed while facts wait in their outbox."""

from __future__ import annotations

import time
from pathlib import Path

from tests.chaos.scenario import Finding, Scenario, percentile
from tests.chaos.world import World, integrity


def run(folder: Path, short: bool) -> Finding:
    kills = 6 if short else 100
    shown: list[float] = []
    with World(folder) as world:
        world.hub.start()
        alpha = world.sidecar("alpha")
        with world.talking(alpha, 50):
            for _ in range(kills):
                world.wait_verdict("alpha", "ok")
                time.sleep(0.1)
                began = time.monotonic()
                alpha.kill()
                world.wait_verdict("alpha", "offline")
                shown.append(time.monotonic() - began)
                alpha.start()
        found = world.compare()
        sound = integrity(alpha.state / "outbox.sqlite3")
    p99 = percentile(shown, 0.99)
    return Finding(
        f"{kills} kills: offline p50 {percentile(shown, 0.5):.3f} s, p99 {p99:.3f} s;"
        f" {found}, {found.twice} said twice; outbox {'whole' if sound else 'DAMAGED'}",
        found.whole and sound,
        {"kills": kills, "p50": percentile(shown, 0.5), "p99": p99, "said": found.said},
        p99 <= 1.0,
    )


SCENARIO = Scenario("R3", "sidecar kill -9 x 100", "offline shown ≤ 1 s (p99), outbox whole", run)
