"""A command there and its answer back, beside the same two messages between bare paho clients.

    python -m benchmarks round_trip [TRIPS] [ROUNDS]

One after the other at QoS 1, TCP_NODELAY at both ends and in the broker. `bus` is our adapter in
paho's place on the asking side; `command` is the whole thing: checked, answered by a real
sidecar out of its outbox. Goal for it: 1.5 times bare paho at the median, 2 times at p99.

A sidecar answers first. Once nothing comes for 10 ms it keeps all those answers and their ids with
one commit, and then acknowledges the commands, so that kill -9 loses none. No command waits for the
disk, so the floor is `bus`.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.result import tell  # noqa: E402  # run as a file, too
from fleet.bus.connect_options import ConnectOptions  # noqa: E402
from fleet.bus.local_broker import LocalBroker  # noqa: E402
from fleet.bus.mqtt import MqttBus, ingest_bus  # noqa: E402
from fleet.commander.over_broker import CommandMessage, known_agents, send  # noqa: E402
from fleet.contract.broker_url import BrokerUrl  # noqa: E402
from fleet.contract.reader import Reader  # noqa: E402
from fleet.contract.topics import Topics  # noqa: E402
from fleet.contract.vocabulary import Result, Verb  # noqa: E402
from tests.support.broker import free_port  # noqa: E402
from tests.support.sidecar import Sidecar  # noqa: E402

ASK, ANSWER = "echo/ask", "echo/answer"
PAYLOAD = b'{"verb":"version-report","id":"01K0000000000000000000000","ttl":60}'
AGENTS = [f"agent-{number}" for number in range(10)]
COMMANDS = 18
"""Commands for each agent in a round: a sidecar takes 20 at once, then 2 a second."""

REFILL = 10.0
"""Seconds until a sidecar takes 20 again."""


def client(client_id: str, port: int) -> mqtt.Client:
    """A paho client that sends at once."""
    paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id)

    def no_delay(_client: Any, _userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    paho.on_socket_open = no_delay
    paho.connect("127.0.0.1", port)
    return paho


def echo(port: int) -> None:
    """In a process of its own: answers each message with itself, for ever."""
    paho = client("echo", port)
    paho.on_message = lambda c, _userdata, message: c.publish(ANSWER, message.payload, 1)
    paho.on_subscribe = lambda *_: print("ready", flush=True)
    paho.subscribe(ASK, 1)
    paho.loop_forever()


def bare_paho(port: int, trips: int) -> list[float]:
    paho = client("asker", port)
    answered, subscribed = threading.Event(), threading.Event()
    paho.on_message = lambda *_: answered.set()
    paho.on_subscribe = lambda *_: subscribed.set()
    paho.loop_start()
    paho.subscribe(ANSWER, 1)
    subscribed.wait(10)
    taken = []
    for _ in range(trips):
        answered.clear()
        began = time.perf_counter()
        paho.publish(ASK, PAYLOAD, 1)
        answered.wait(10)
        taken.append(time.perf_counter() - began)
    paho.disconnect()
    paho.loop_stop()
    return taken


async def our_bus(port: int, trips: int) -> list[float]:
    taken = []
    async with MqttBus(ConnectOptions(BrokerUrl("127.0.0.1", port), "asker")) as bus:
        await bus.subscribe(ANSWER)
        answers = bus.messages()
        for _ in range(trips):
            began = time.perf_counter()
            publishing = asyncio.create_task(bus.publish(ASK, PAYLOAD))
            await anext(answers)
            taken.append(time.perf_counter() - began)
            await publishing
    return taken


async def command(port: int) -> list[float]:
    """As `fleet command` sends them, over the bus that it opens; without the start of a program."""
    taken, reader = [], Reader()
    async with ingest_bus(ConnectOptions(BrokerUrl("127.0.0.1", port), "asker")) as bus:
        for agent in AGENTS * COMMANDS:
            order = CommandMessage(Verb.VERSION_REPORT, (agent,))
            answers = send(bus, Topics(), reader, order, expected=[agent], patience=10)
            found = [answer async for answer in answers]
            assert found, f"{agent} did not answer"
            assert found[0].result is Result.DONE, found[0]
            taken.append(found[0].latency)
    return taken


async def born(port: int) -> None:
    """Wait until all sidecars are on the bus."""
    async with MqttBus(ConnectOptions(BrokerUrl("127.0.0.1", port), "watcher")) as bus:
        found: list[str] = []
        while len(found) < len(AGENTS):
            await asyncio.sleep(0.1)
            found = await known_agents(bus, Topics())


def summary(taken: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in ms."""
    return statistics.median(taken) * 1e3, statistics.quantiles(taken, n=100)[98] * 1e3


def main() -> None:
    trips = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    found: dict[str, list[tuple[float, float]]] = {"paho": [], "bus": [], "command": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalBroker(Path(folder) / "broker", free_port()) as broker,
    ):
        port = broker.port
        sidecars = [
            Sidecar(Path(folder) / agent, broker.url, agent, FLEET_INTERVAL="600")
            for agent in AGENTS
        ]
        other = subprocess.Popen(
            [sys.executable, __file__, "--echo", str(port)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert other.stdout
            other.stdout.readline()
            for sidecar in sidecars:
                sidecar.start()
            asyncio.run(born(port))
            for _ in range(rounds):
                found["paho"].append(summary(bare_paho(port, trips)))
                found["bus"].append(summary(asyncio.run(our_bus(port, trips))))
                found["command"].append(summary(asyncio.run(command(port))))
                time.sleep(REFILL)
        finally:
            other.terminate()
            other.wait(10)
            for sidecar in sidecars:
                sidecar.stop()
    medians = {
        name: [statistics.median(values) for values in zip(*pairs, strict=True)]
        for name, pairs in found.items()
    }
    bare = medians["paho"]
    ratios = {n: [round(v[0] / bare[0], 2), round(v[1] / bare[1], 2)] for n, v in medians.items()}
    tell(
        {
            "trips": trips,
            "commands": COMMANDS * len(AGENTS),
            "rounds": rounds,
            "p50_p99_ms": {n: [round(v, 3) for v in pair] for n, pair in medians.items()},
            "p50_p99_to_paho": ratios,
        }
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--echo"]:
        echo(int(sys.argv[2]))
    else:
        main()
