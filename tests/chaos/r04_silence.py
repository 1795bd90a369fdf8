"""R4: an agent's machine freezes, or its network parts from the broker's; then it heals."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World
from tests.support.broker import free_port
from tests.support.network import Net, NoNetworkError, networks

KEEPALIVE = 5
"""Seconds: the shortest that the sidecar asks for."""

OFFLINE_WITHIN = 2.5 * KEEPALIVE
BACK_WITHIN = 5.0


def run(folder: Path, short: bool) -> Finding:
    rounds = 1 if short else 3
    gone: list[float] = []
    back: list[float] = []
    flaps = 0
    port = free_port()
    with network() as net, World(folder, f"listener {port} {net.broker}") as world:
        world.hub.start()
        frozen = world.sidecar("frozen", FLEET_INTERVAL="5")
        world.sidecar("parted", *net.inside, url=f"mqtt://{net.broker}:{port}", FLEET_INTERVAL="5")
        faults: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
            (
                "frozen",
                lambda: frozen.signal(signal.SIGSTOP),
                lambda: frozen.signal(signal.SIGCONT),
            ),
            ("parted", net.cut, net.heal),
        ]
        for agent, fault, heal in faults[1:] if short else faults * rounds:
            time.sleep(1)
            since = time.time()
            fault()
            gone.append(world.wait_verdict(agent, "offline"))
            time.sleep(0 if short else 5)
            heal()
            back.append(world.wait_verdict(agent, "ok"))
            time.sleep(2 if short else 12)  # longer than any second thought may take
            words = world.verdicts(agent, since)
            flaps += max(0, words.count("ok") - 1) + max(0, words.count("offline") - 1)
    return Finding(
        f"{len(gone)} faults at a keep-alive of {KEEPALIVE} s: offline after"
        f" {min(gone):.1f} to {max(gone):.1f} s ({max(gone) / KEEPALIVE:.2f} x keep-alive),"
        f" back in {min(back):.1f} to {max(back):.1f} s, {flaps} flaps",
        not flaps,
        {"gone": max(gone), "back": max(back), "flaps": flaps},
        max(gone) <= OFFLINE_WITHIN and max(back) <= BACK_WITHIN,
    )


@contextlib.contextmanager
def network() -> Iterator[Net]:
    try:
        with networks() as (net,):
            yield net
    except NoNetworkError as error:
        raise AbsentError(str(error)) from None


SCENARIO = Scenario(
    "R4",
    "SIGSTOP; partition by network namespace; heal",
    "offline ≤ 2.5 x keep-alive; back ≤ 5 s; no flapping",
    run,
)
