"""R6: clocks that are wrong by an hour, and a hub's clock that jumps while it runs."""

from __future__ import annotations

import glob
import time
from pathlib import Path

from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World
from tests.support.waiting import wait_until

BAD = {"late", "stale", "offline"}


def run(folder: Path, short: bool) -> Finding:
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), "")  # noqa: PTH207
    if not library:
        raise AbsentError("faketime is not installed; sh scripts/test.sh installs it")
    clock = folder / "clock"
    folder.mkdir(parents=True)
    clock.write_text("+0\n")
    faked = {
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    stay = 4 if short else 20
    with World(folder, **faked) as world:
        world.hub.start()
        true = {"FLEET_INTERVAL": "2"}
        world.sidecar("true", **true)
        world.sidecar("ahead", "faketime", "-f", "+1h", **true)
        world.sidecar("behind", "faketime", "-f", "-1h", **true)
        for agent in ("ahead", "behind"):
            wait_until(lambda a=agent: world.fired("clock-skew", a), 30, f"{agent}'s skew")  # type: ignore[misc]
        blamed = world.fired("clock-skew", "true")
        jumps = ("+3600", "+0") if short else ("+3600", "+0", "-3600", "+0")
        for jump in jumps:
            clock.write_text(f"{jump}\n")
            time.sleep(stay)
        false = {
            agent: [word for word in world.verdicts(agent) if word in BAD]
            for agent in world.sidecars
        }
        known = world.fired("clock-skew", "true")
    wrong = sum(map(len, false.values()))
    return Finding(
        f"agents at ±1 h: skew reported for both, for the true one {'too' if blamed else 'not'};"
        f" hub set {' '.join(jumps)} s: {wrong} false verdicts"
        f"{f' {false}' if wrong else ''}, its own skew {'shown' if known else 'not shown'}",
        not wrong and not blamed,
        {"false": wrong},
    )


SCENARIO = Scenario(
    "R6", "clocks ± 1 h (faketime), hub and agent", "0 false stale, skew reported", run
)
