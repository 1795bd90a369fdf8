"""A machine of its own network: a namespace, and links to ours that can be cut without a word."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator


class NoNetworkError(Exception):
    """None can be made here; the message says why."""


class Net:
    """A link between a network namespace and ours. `number` tells links of one namespace apart.

    Attributes:
        broker: our end's address.
        agent: the address of the other end.
        inside: words before a program that is to run there.
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.name = f"chaos{os.getpid()}"
        self.ours, self.theirs = f"ca{number}-{os.getpid()}", f"cb{number}-{os.getpid()}"
        block = f"10.{199 + number}.{os.getpid() % 250}"
        self.broker, self.agent = f"{block}.1", f"{block}.2"
        self.inside = ("ip", "netns", "exec", self.name)

    def make(self) -> None:
        if self.number == 0:
            ip("netns", "add", self.name)
            ip("-n", self.name, "link", "set", "lo", "up")
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
        if self.number == 0:
            ip("netns", "del", self.name, check=False)


@contextlib.contextmanager
def networks(count: int = 1) -> Iterator[list[Net]]:
    """So many links to one namespace.

    Raises:
        NoNetworkError: it takes root, iproute2 and a kernel that lets us.
    """
    if os.geteuid() or not shutil.which("ip"):
        raise NoNetworkError("a network namespace needs root and iproute2")
    nets = [Net(number) for number in range(count)]
    try:
        try:
            for net in nets:
                net.make()
        except subprocess.CalledProcessError as error:
            raise NoNetworkError(f"no network namespaces here: {error.stderr.strip()}") from None
        yield nets
    finally:
        for net in reversed(nets):
            net.remove()


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=60)
