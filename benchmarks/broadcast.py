"""One verb to a whole fleet until all have answered, beside a bare paho client that counts.

    python -m benchmarks broadcast [AGENTS ...] [--rounds N]

In one run, at one broker, with the same simulated agents: `paho` publishes one broadcast and
counts the replies; `direct` is what `fleet command --all` does where no hub runs; `hub` is the
same through a hub that keeps each command and stores each reply, until the caller has seen the
last of them; `hub_stored` until each command's end is in the hub's table. Goal: 1.5 times paho.
The hub is one at work: in its first seconds, before it knows who is silent, it judges all whole.
CPU seconds of each process say what the machine was busy with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import wire  # noqa: E402  # run as a file, too
from benchmarks.fleet_sim import Cost, Fleet, took  # noqa: E402
from benchmarks.result import tell  # noqa: E402
from benchmarks.round_trip import client  # noqa: E402
from fleet.bus.connect_options import ConnectOptions  # noqa: E402
from fleet.bus.local_broker import LIMITS, STATE  # noqa: E402
from fleet.bus.mqtt import ingest_bus  # noqa: E402
from fleet.commander.over_broker import CommandMessage, OverBroker  # noqa: E402
from fleet.commander.through_hub import ThroughHub  # noqa: E402
from fleet.contract.broker_url import BrokerUrl  # noqa: E402
from fleet.contract.reader import Reader  # noqa: E402
from fleet.contract.timestamps import timestamp, ulid  # noqa: E402
from fleet.contract.topics import Topics  # noqa: E402
from fleet.contract.vocabulary import MessageKind, Verb  # noqa: E402
from fleet.hub.hub import SETTLE, TICK  # noqa: E402
from fleet.hub_client import HubClient  # noqa: E402
from tests.support.broker import Mosquitto  # noqa: E402
from tests.support.hub import HubProcess  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

SIZES: Final = (1_000, 10_000)
TOPICS: Final = Topics()
PATIENCE: Final = 120.0
SENT_EACH: Final = 2
"""Broadcasts of each kind in a round: a hub's first one also warms it up."""


def bare_paho(port: int, agents: int) -> float:
    """Seconds from the publish until a paho client has counted every reply."""
    paho = client("asker", port)
    now = time.time()
    command = {"verb": "health-check", "id": ulid(now), "ts": timestamp(now)}
    wanted, count = command["id"].encode(), 0
    subscribed, answered = threading.Event(), threading.Event()

    def counted(_client: Any, _userdata: Any, message: Any) -> None:
        nonlocal count
        if wanted in message.payload:
            count += 1
            if count == agents:
                answered.set()

    paho.on_message = counted
    paho.on_subscribe = lambda *_: subscribed.set()
    paho.loop_start()
    paho.subscribe(TOPICS.every(MessageKind.STATUS), 1)
    assert subscribed.wait(10)
    time.sleep(1.0)  # retained births are not what is counted, but they come first
    began = time.perf_counter()
    paho.publish(TOPICS.broadcast, json.dumps(command).encode(), 1)
    assert answered.wait(PATIENCE), f"{count} of {agents} replies"
    seconds = time.perf_counter() - began
    paho.disconnect()
    paho.loop_stop()
    return seconds


async def direct(port: int, names: list[str]) -> float:
    """As `fleet command --all --direct`, once the fleet is known."""
    async with ingest_bus(ConnectOptions(BrokerUrl("127.0.0.1", port), "asker")) as bus:
        return await gather(OverBroker(bus, TOPICS, Reader(), None), names)


async def through_hub(home: Path, names: list[str]) -> float:
    """As `fleet command --all` where a hub serves."""
    return await gather(ThroughHub(HubClient.of(home), Reader()), names)


async def gather(way: OverBroker | ThroughHub, names: list[str]) -> float:
    began = time.perf_counter()
    answers = way.send(CommandMessage(Verb.HEALTH_CHECK), names, PATIENCE)
    count = len([answer.agent async for answer in answers])
    seconds = time.perf_counter() - began
    assert count == len(names), f"{count} of {len(names)} replies"
    return seconds


class Run:
    """One broker and one fleet; measures each way in turn."""

    def __init__(self, agents: int, folder: Path) -> None:
        self._names = [f"sim-{number:05d}" for number in range(agents)]
        self._broker = Mosquitto(folder / "broker", (*LIMITS, *STATE[1:]), persistence=True)
        self._home = folder / "home"
        many = {"FLEET_MAX_AGENTS": "1000000"}
        self._hub = HubProcess(self._home, self._broker, log=folder / "hub.log", **many)
        self.seconds: dict[str, list[float]] = {}
        self.cpu: dict[str, dict[str, list[float]]] = {}

    def rounds(self, number: int) -> None:
        agents = len(self._names)
        self._broker.start()
        try:
            with Fleet(("127.0.0.1", self._broker.port), agents, 0) as fleet:
                fleet.look()
                took(lambda: fleet.look()["up"] == agents, fleet.order, "connect")
                self._costs = {"broker": self._broker.pid, "here": os.getpid()}
                self._costs |= {f"agents_{n}": pid for n, pid in enumerate(fleet.pids)}
                for _ in range(number):
                    self._without_hub()
                    self._with_hub()
        finally:
            self._hub.kill()
            self._broker.kill()

    def _without_hub(self) -> None:
        port, agents = self._broker.port, len(self._names)
        for _ in range(SENT_EACH):
            self._measure("paho", lambda: bare_paho(port, agents))
            self._measure("direct", lambda: asyncio.run(direct(port, self._names)))

    def _with_hub(self) -> None:
        self._hub.start()
        client = HubClient.of(self._home)
        fleet_is_ok = lambda: client.get("/v1/stats")["agents"].get("ok") == len(self._names)  # noqa: E731
        wait_until(fleet_is_ok, PATIENCE, "the hub to know everyone")
        time.sleep(SETTLE + TICK)
        self._costs["hub"] = self._hub.pid
        for _ in range(SENT_EACH):
            self._measure("hub", self._hub_rounds)
            time.sleep(1.0)
        del self._costs["hub"]
        self._hub.stop()
        # Its session would make the broker queue for it while the others are measured.
        import socket

        with socket.create_connection(("127.0.0.1", self._broker.port)) as link:
            link.sendall(wire.connect(TOPICS.manager) + wire.GOODBYE)
            time.sleep(0.5)

    def _hub_rounds(self) -> float:
        began = time.perf_counter()
        seconds = asyncio.run(through_hub(self._home, self._names))
        wait_until(lambda: not open_orders(self._hub), PATIENCE, "every end stored")
        self.seconds.setdefault("hub_stored", []).append(time.perf_counter() - began)
        return seconds

    def _measure(self, name: str, act: Callable[[], float]) -> None:
        costs = {who: Cost(pid) for who, pid in self._costs.items()}
        self.seconds.setdefault(name, []).append(act())
        time.sleep(0.5)  # what trails behind the last answer belongs to it
        spent = self.cpu.setdefault(name, {})
        for who, cost in costs.items():
            spent.setdefault(who, []).append(cost.seconds())


def open_orders(hub: HubProcess) -> int:
    found = hub.query("SELECT count(*) FROM command WHERE state IN ('queued', 'sent')")
    return int(str(found[0][0]))


def measure(agents: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="broadcast-") as folder:
        run = Run(agents, Path(folder))
        run.rounds(rounds)
    middle = {name: statistics.median(taken) for name, taken in run.seconds.items()}
    return {
        "agents": agents,
        "rounds": rounds,
        "seconds": {name: round(value, 3) for name, value in middle.items()},
        "to_paho": {name: round(value / middle["paho"], 2) for name, value in middle.items()},
        "cpu_seconds": {
            name: {who: round(statistics.median(spent), 2) for who, spent in costs.items()}
            for name, costs in run.cpu.items()
        },
        "all": {name: [round(one, 3) for one in taken] for name, taken in run.seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="broadcast", description=__doc__)
    parser.add_argument("agents", nargs="*", type=int, default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor an agent
    tell({"rows": [measure(agents, given.rounds) for agents in given.agents]})


if __name__ == "__main__":
    main()
