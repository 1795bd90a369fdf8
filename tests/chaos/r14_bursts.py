"""R14: a burst, at once and while the hub is down, at brokers limited as each of ours is.

Every acknowledged heartbeat is compared with the stored ones, as sets. A broker with Mosquitto's
defaults is shown the same: it loses most, and `fleet doctor` has to say so.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Final

from benchmarks.generator import beats, connected, deliver, packets
from tests.chaos.scenario import Finding, Scenario
from tests.chaos.world import World
from tests.support.served import environment, fleet
from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = tuple(
    ROOT / "mosquitto" / f"{name}.conf" for name in ("production", "accounts", "mosquitto")
)
LIMITING: Final = ("max_", "message_size_limit", "set_tcp_nodelay")
"""How the lines begin that decide what a broker keeps for a client."""

AGENTS: Final = 100
DRAIN: Final = 120.0
"""Seconds for a burst to be stored."""


def run(folder: Path, short: bool) -> Finding:
    count = 5_000 if short else 100_000
    seen, lost, numbers = [], 0, {}
    for path in SHIPPED[:1] if short else SHIPPED:
        with World(folder / path.stem, limits=limits_of(path)) as world:
            world.hub.start()
            at_once = burst(world, count)
            world.hub.stop()
            while_down = burst(world, count, start_hub=True)
        lost += sum(at_once[:2]) + sum(while_down[:2])
        numbers |= {f"{path.stem}_at_once_s": at_once[2], f"{path.stem}_drained_s": while_down[2]}
        seen.append(
            f"{path.name} {at_once[2]:.1f} s at once, {while_down[2]:.1f} s after an absence"
        )
    missing, said = by_default(folder / "defaults", count)
    return Finding(
        f"{count} at once and {count} while the hub was down: {lost} lost or doubled"
        f" ({'; '.join(seen)}); Mosquitto's defaults lost {missing} of {count},"
        f" fleet doctor says {said or 'nothing'}",
        lost == 0 and missing > 0 and said == "dropped, queues",
        {"lost": lost, "lost_by_default": missing, **numbers},
    )


def limits_of(path: Path) -> tuple[str, ...]:
    """What a configuration of ours limits."""
    return tuple(line for line in path.read_text().splitlines() if line.startswith(LIMITING))


def burst(world: World, count: int, *, start_hub: bool = False) -> tuple[int, int, float]:
    """(lost, doubled, seconds until stored) of `count` acknowledged heartbeats."""
    told = beats(count, AGENTS)
    data, link = packets(told), connected(world.broker.port)
    before = world.hub.count()
    began = time.monotonic()
    acknowledged = deliver(link, data, count)
    link.close()
    assert acknowledged == count, f"the broker acknowledged {acknowledged}"
    if start_hub:
        world.hub.start()
        began = time.monotonic()
    with contextlib.suppress(AssertionError):  # the comparison says what is missing
        wait_until(lambda: world.hub.count() >= before + count, DRAIN, "the burst stored")
    seconds = time.monotonic() - began
    stored = world.hub.stored()
    return lost_of(told, stored), sum(stored.values()) - len(stored), seconds


def lost_of(told: list[tuple[str, bytes]], stored: dict[bytes, int]) -> int:
    return len({payload for _, payload in told} - stored.keys())


def by_default(folder: Path, count: int) -> tuple[int, str]:
    """What a broker without any limit of ours loses, and which checks of the doctor tell."""
    with World(folder, limits=()) as world:
        world.hub.start()
        world.hub.stop()
        told = beats(count, AGENTS)
        link = connected(world.broker.port)
        assert deliver(link, packets(told), count) == count, "all are acknowledged all the same"
        link.close()
        world.hub.start()
        wait_until(lambda: world.hub.count() > 0, what="what the queue held")
        time.sleep(2)
        missing = lost_of(told, world.hub.stored())
        environ = environment(world.hub.home, FLEET_BROKER=world.url)
        findings = json.loads(fleet("doctor", "-o", "json", environ=environ).stdout)["findings"]
        told_by = {one["check"] for one in findings if one["level"] == "critical"}
        return missing, ", ".join(sorted(told_by & {"dropped", "queues"}))


SCENARIO = Scenario(
    "R14", "a burst, and one queued while the hub is down", "0 lost with what we ship", run
)
