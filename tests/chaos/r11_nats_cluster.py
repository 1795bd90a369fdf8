"""R11: the broker is a cluster of three NATS servers; its nodes die one by one, then all at once.

Clients know one address, as behind a load balancer: a small forwarder that leads each new
connection to a node that answers.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from benchmarks import wire
from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World
from tests.support.broker import free_port
from tests.support.waiting import wait_until

NODES = 3
BACK_WITHIN = 5.0
"""Seconds."""


class Cluster:
    """Three nodes with JetStream, where NATS keeps MQTT sessions, retained and queued messages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mqtt = [free_port() for _ in range(NODES)]
        self._client = [free_port() for _ in range(NODES)]
        self._routes = [free_port() for _ in range(NODES)]
        self._nodes: list[subprocess.Popen[bytes] | None] = [None] * NODES

    def start(self, *nodes: int) -> None:
        for node in nodes or range(NODES):
            self._start(node)
        for node in nodes or range(NODES):
            wait_until(lambda n=node: answers(self.mqtt[n]), 60, f"node {node}")  # type: ignore[misc]

    def kill(self, *nodes: int) -> None:
        for node in nodes or range(NODES):
            process = self._nodes[node]
            self._nodes[node] = None
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait(10)

    def _start(self, node: int) -> None:
        home = self._folder / f"node{node}"
        home.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        config = home / "nats.conf"
        config.write_text(
            f'server_name: "node{node}"\n'
            f'listen: "127.0.0.1:{self._client[node]}"\n'
            f'jetstream {{ store_dir: "{home}" }}\n'
            f'mqtt {{ listen: "127.0.0.1:{self.mqtt[node]}", ack_wait: "5s",'
            " max_ack_pending: 20000, stream_replicas: 3 }\n"
            f'cluster {{ name: "fleet", listen: "127.0.0.1:{self._routes[node]}",'
            f" routes: [{routes}] }}\n"
        )
        with (home / "log").open("ab") as log:
            self._nodes[node] = subprocess.Popen(
                ["nats-server", "-c", str(config)], stdout=log, stderr=log
            )


class Forwarder:
    """One address for the cluster; each connection goes to the first node that takes it."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, name="forwarder", daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                threading.Thread(target=self._lead, args=(link,), daemon=True).start()

    def _lead(self, link: socket.socket) -> None:
        for port in random.sample(self._ports, len(self._ports)):
            with contextlib.suppress(OSError):
                node = socket.create_connection(("127.0.0.1", port), 2)
                node.settimeout(None)
                break
        else:
            link.close()
            return
        for end in (link, node):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pump, args=(node, link), daemon=True)
        back.start()
        pump(link, node)
        back.join()
        link.close()
        node.close()


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def answers(port: int) -> bool:
    """Whether a node accepts an MQTT client: it does once JetStream has a leader."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as link:
            link.settimeout(5)
            link.sendall(wire.connect(f"probe-{random.randrange(10**9)}"))
            return link.recv(4)[:1] == b"\x20"
    except OSError:
        return False


def run(folder: Path, short: bool) -> Finding:
    if not shutil.which("nats-server"):
        raise AbsentError("nats-server is not installed; sh scripts/test.sh --all installs it")
    kills = 2 if short else 10
    back: list[float] = []
    elected: list[float] = []
    cluster = Cluster(folder / "nats")
    try:
        cluster.start()
        forwarder = Forwarder(cluster.mqtt)
        with World(folder, url=f"mqtt://127.0.0.1:{forwarder.port}") as world:
            world.hub.start()
            alpha = world.sidecar("alpha")
            with world.talking(alpha, 100):
                for number in range(kills):
                    time.sleep(random.uniform(0.5, 2))
                    began = time.monotonic()
                    cluster.kill(number % NODES)
                    time.sleep(0.3)  # a lost link is noticed at once
                    # If the dead node led, NATS takes 4 to 9 s to elect another: nobody gets in.
                    wait_until(lambda: answers(forwarder.port), 60, "the cluster's answer")
                    elected.append(time.monotonic() - began)
                    wait_until(lambda: linked(world), 60, "the hub's link")
                    back.append(time.monotonic() - began - elected[-1])
                    cluster.start(number % NODES)
                time.sleep(1)
                cluster.kill()
                wait_until(lambda: not linked(world), 60, "the loss of the link")
                cluster.start()
                began = time.monotonic()
                wait_until(lambda: linked(world), 60, "the hub's link")
                back.append(time.monotonic() - began)
            found = world.compare()
        forwarder.close()
    finally:
        cluster.kill()
    return Finding(
        f"a node killed {kills} x, then all: {found}; the cluster took clients again after"
        f" {max(elected):.1f} s at most (NATS elects within 4 to 9 s), the hub was back"
        f" {max(back[:-1]):.1f} s later at most, after the loss of all {back[-1]:.1f} s",
        found.lost == 0,
        {"kills": kills, "said": found.said, "back": max(back), "elected": max(elected)},
        max(back) <= BACK_WITHIN,
    )


def linked(world: World) -> bool:
    """Whether the hub is linked to a node."""
    return world.metric("fleet_link_up") == 1


SCENARIO = Scenario(
    "R11",
    "three-node NATS cluster (Debian), node kill x 10, then all",
    "0 acknowledged messages lost, hub back ≤ 5 s after the cluster",
    run,
    slow="three servers that elect leaders take most of a minute",
)
