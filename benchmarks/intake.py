"""Heartbeats judged, committed and then acknowledged by the hub, beside those that only count.

    python -m benchmarks intake [MESSAGES] [ROUNDS] [AGENTS]

One burst at QoS 1 from precomputed bytes; the clock runs from its first byte until the last
message is counted or committed. Each contender has a fresh broker as we configure it; rounds are
interleaved, results are medians. `link` takes in
and acknowledges without doing anything: what is left for the hub's own work. Goal: the hub at
least as fast as mosquitto_sub, and twice as fast as Debian's prometheus-mqtt-exporter (which
keeps each number in memory); mqtt-exporter, from PyPI, takes them in at QoS 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import exporters  # noqa: E402  # run as a file, too
from benchmarks.result import tell  # noqa: E402
from fleet.auditor.weekly import BusRecorder  # noqa: E402
from fleet.bus.connect_options import ConnectOptions  # noqa: E402
from fleet.bus.local_broker import LocalBroker  # noqa: E402
from fleet.bus.mqtt import MqttBus, ingest_bus  # noqa: E402
from fleet.contract.broker_url import BrokerUrl  # noqa: E402
from fleet.hub.hub import Hub  # noqa: E402
from fleet.settings import load  # noqa: E402
from fleet.store.open import hub_store  # noqa: E402
from tests.support.broker import free_port  # noqa: E402

PATIENCE = 180.0
"""Seconds for one burst to arrive."""

Count = Callable[[], float]
"""Blocks until all have arrived; the clock (`time.monotonic`) at that moment."""


@dataclass(frozen=True, slots=True)
class Counting:
    """A `Count` of the process `pid`, whose CPU can be read."""

    pid: int
    count: Count

    def __call__(self) -> float:
        return self.count()


Contender = Callable[..., contextlib.AbstractContextManager[Count]]


def hub(kind: str, port: int, messages: int, home: Path) -> None:
    """In a process of its own: the hub as `fleet serve` runs it, capture for the audit included,
    without its HTTP side."""

    async def bare_link() -> None:
        url = BrokerUrl("127.0.0.1", port)
        connection = ConnectOptions(url, "zephyr", persistent=True, manual_ack=True)
        async with ingest_bus(connection) as bus:
            await bus.subscribe("#")
            print("ready", flush=True)
            taken = 0
            async for batch in bus.batches():
                await bus.ack_many(batch)
                taken += len(batch)
                if taken >= messages:
                    print(time.monotonic(), flush=True)
                    return

    async def serve() -> None:
        url = f"mqtt://127.0.0.1:{port}"
        given = {"home": str(home), "broker": url, "max_agents": "1000000"}
        settings = load({**given, "store": os.environ.get("FLEET_STORE")}, {})
        bus: Callable[[ConnectOptions], MqttBus] = ingest_bus if kind == "codec" else MqttBus
        one = Hub(settings, hub_store(settings), lambda hub: [BusRecorder(hub)], bus=bus)
        running = asyncio.create_task(one.run(lambda: print("ready", flush=True)))
        await asyncio.sleep(1)  # its own announcement is stored by then
        before = one.counters.stored
        while one.counters.stored < before + messages:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0.005)
        print(time.monotonic(), flush=True)
        one.stop()
        await running

    asyncio.run(bare_link() if kind == "link" else serve())


@contextlib.contextmanager
def our_hub(kind: str, broker: LocalBroker, messages: int, folder: Path) -> Iterator[Count]:
    home = folder / "home"
    home.mkdir()
    arguments = [kind, str(broker.port), str(messages), str(home)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.intake", "--hub", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    process.stdout.readline()
    time.sleep(1.5)
    moment = lambda: float(process.stdout.readline() if process.stdout else "nan")  # noqa: E731
    yield Counting(process.pid, moment)
    process.wait(30)
    process.stdout.close()


@contextlib.contextmanager
def mosquitto_sub(broker: LocalBroker, messages: int, folder: Path) -> Iterator[Count]:
    del folder
    argv = ["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "#", "-F", "%%"]
    process = subprocess.Popen([*argv, "-C", str(messages)], stdout=subprocess.DEVNULL)
    time.sleep(0.5)

    def count() -> float:
        process.wait(PATIENCE)
        return time.monotonic()

    yield count


def exporter(start: exporters.Start) -> Contender:
    @contextlib.contextmanager
    def run(broker: LocalBroker, messages: int, folder: Path) -> Iterator[Count]:
        with start(broker.port, folder) as one:
            yield Counting(one.pid, lambda: one.done(messages, PATIENCE))

    return run


def contenders() -> dict[str, Contender]:
    def by(kind: str) -> Contender:
        return lambda *arguments: our_hub(kind, *arguments)

    return {
        "mosquitto_sub": mosquitto_sub,
        "link": by("link"),
        "hub": by("codec"),
        "hub_on_aiomqtt": by("aiomqtt"),
        **{name: exporter(start) for name, start in exporters.installed().items()},
    }


def rate(contender: Contender, messages: int, agents: int) -> float:
    """Messages a second that it took in."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        with (
            LocalBroker(folder / "broker", free_port()) as broker,
            contender(broker, messages, folder) as count,
        ):
            arguments = [str(broker.port), str(messages), str(agents)]
            generator = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.generator", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            assert generator.stdout
            generator.stdout.readline()
            generator.stdin.write("go\n")  # type: ignore[union-attr]
            generator.stdin.flush()  # type: ignore[union-attr]
            began = float(generator.stdout.readline())
            ended = count()
            acknowledged = int(generator.communicate(timeout=PATIENCE)[0])
            assert acknowledged == messages
    return messages / (ended - began)


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    agents = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    rates: dict[str, list[float]] = {name: [] for name in contenders()}
    for _ in range(rounds):
        for name, found in rates.items():
            found.append(rate(contenders()[name], messages, agents))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    tell(
        {
            "messages": messages,
            "rounds": rounds,
            "per_s": {name: round(value) for name, value in medians.items()},
            "range_per_s": {n: [round(min(f)), round(max(f))] for n, f in rates.items()},
            "link_to_mosquitto_sub": round(medians["link"] / medians["mosquitto_sub"], 2),
            "hub_to": {n: round(medians["hub"] / v, 2) for n, v in medians.items() if n != "hub"},
        }
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--hub"]:
        hub(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    else:
        main()
