"""R4: an agent's machine freezes, or its network parts from the broker's; then it heals."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World
from tests.support.broker import free_port

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


class Net:
    """A network namespace and the pair of interfaces that joins it to ours."""

    def __init__(self) -> None:
        self.name = f"chaos{os.getpid()}"
        self.ours, self.theirs = f"ca{os.getpid()}", f"cb{os.getpid()}"
        block = os.getpid() % 250
        self.broker, self.agent = f"10.199.{block}.1", f"10.199.{block}.2"
        self.inside = ("ip", "netns", "exec", self.name)

    def make(self) -> None:
        ip("netns", "add", self.name)
        ip("link", "add", self.ours, "type", "veth", "peer", "name", self.theirs)
        ip("link", "set", self.theirs, "netns", self.name)
        ip("addr", "add", f"{self.broker}/24", "dev", self.ours)
        ip("link", "set", self.ours, "up")
        ip("-n", self.name, "addr", "add", f"{self.agent}/24", "dev", self.theirs)
        ip("-n", self.name, "link", "set", self.theirs, "up")

    def cut(self) -> None:
        """Nothing passes in either direction, and nobody is told: the neighbours lie."""
        for spec in ([], ["-n", self.name]):
            device, peer = (self.theirs, self.broker) if spec else (self.ours, self.agent)
            ip(*spec, "neigh", "replace", peer, "lladdr", "02:00:00:00:00:01", "dev", device,
               "nud", "permanent")  # fmt: skip

    def heal(self) -> None:
        for spec in ([], ["-n", self.name]):
            device, peer = (self.theirs, self.broker) if spec else (self.ours, self.agent)
            ip(*spec, "neigh", "del", peer, "dev", device)

    def remove(self) -> None:
        ip("link", "del", self.ours, check=False)
        ip("netns", "del", self.name, check=False)


@contextlib.contextmanager
def network() -> Iterator[Net]:
    if os.geteuid() or not shutil.which("ip"):
        raise AbsentError("a network namespace needs root and iproute2")
    net = Net()
    try:
        try:
            net.make()
        except subprocess.CalledProcessError as error:
            raise AbsentError(f"no network namespaces here: {error.stderr.strip()}") from None
        yield net
    finally:
        net.remove()


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=10)


SCENARIO = Scenario(
    "R4",
    "SIGSTOP; partition by network namespace; heal",
    "offline ≤ 2.5 x keep-alive; back ≤ 5 s; no flapping",
    run,
)
