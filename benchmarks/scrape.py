"""One scrape of a whole fleet: the hub beside both exporters, fed by the same heartbeats.

    python -m benchmarks scrape [AGENTS] [METRICS]

Each agent has METRICS numbers. "changed": every agent has beaten since the last scrape; "still":
none has. All three subscribe to one broker; the clock runs from the request to the last byte.
The hub tells more series an agent than they do (state, age, planes, versions); it also stores.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import cost, exporters, wire
from benchmarks.exporters import Exporter
from benchmarks.result import tell
from fleet.bus.local_broker import LIMITS
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.waiting import wait_until

ROUNDS = 5
TRIES = 20
"""Beats until so many rounds, and one to warm up, were shown by all."""

PATIENCE = 60.0


def value(number: int) -> int:
    """Another for each, growing, and of the three digits that the hub shows of a gauge."""
    return (100 + number % 900) * 10 ** (number // 900)


class Fleet:
    """Agents that beat when told: one connection, bytes made beforehand."""

    def __init__(self, port: int, agents: int, metrics: list[str]) -> None:
        self._agents, self._metrics, self._seq = agents, metrics, 0
        self._topics, self._boot = Topics(), int(time.time() * 1000)
        self._link = socket.create_connection(("127.0.0.1", port))
        self._link.sendall(wire.connect("fleet"))
        self._link.recv(4)

    def beat(self) -> None:
        """One heartbeat of each; every number differs from the last."""
        self._seq += 1
        packets = (self._packet(number) for number in range(self._agents))
        data = b"".join(packets)
        self._link.sendall(data)
        left = 4 * self._agents
        while left:
            left -= len(self._link.recv(min(left, 1 << 20)))

    def _packet(self, number: int) -> bytes:
        body: dict[str, Any] = {
            "ok": True, "ts": timestamp(time.time()), "uptime": 1000 + self._seq, "interval": 600,
            "boot": self._boot, "seq": self._seq, "checks": {"process": "pass"},
            "metrics": dict.fromkeys(self._metrics, value(number + self._seq)),
        }  # fmt: skip
        topic = self._topics.of(MessageKind.HEARTBEAT, f"agent-{number:05d}")
        return wire.publish(topic, json.dumps(body, separators=(",", ":")).encode(), 1 + number)

    def close(self) -> None:
        self._link.close()


@contextlib.contextmanager
def hub(broker: Mosquitto, folder: Path) -> Iterator[Exporter]:
    one = HubProcess(folder / "home", broker, FLEET_MAX_AGENTS="1000000").start()
    try:
        url, family = f"http://{one.http}/metrics", "fleet_bus_messages_total"
        yield Exporter(one.pid, url, family, one.scrape_token())
    finally:
        one.stop()


def scraped(one: Exporter) -> tuple[float, str]:
    began = time.perf_counter()
    page = one.page()
    return time.perf_counter() - began, page


def samples(page: str) -> int:
    return sum(1 for line in page.splitlines() if line and not line.startswith("#"))


def shows(one: Exporter, metric: str, agents: int, seq: int) -> bool:
    """Whether the page has this beat of every agent, by the numbers of the metric."""
    found = [line for line in one.page().splitlines() if f"{metric}{{" in line]
    numbers = sorted(float(line.split("} ")[1].split()[0]) for line in found)
    return numbers == [value(number + seq) for number in range(agents)]


def measure(agents: int, metrics: list[str], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    broker = Mosquitto(folder / "broker", LIMITS).start()
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        running = {"hub": stack.enter_context(hub(broker, folder))}
        for name, start in exporters.installed().items():
            running[name] = stack.enter_context(start(broker.port, folder, metrics))
        fleet = Fleet(broker.port, agents, metrics)
        stack.callback(fleet.close)
        taken: dict[str, dict[str, list[float]]] = {
            n: {"changed": [], "still": []} for n in running
        }
        rounds = 0
        for seq in range(1, TRIES + 1):
            fleet.beat()
            wait_until(lambda: all_idle(running), PATIENCE, "the end of their work")
            pages = {name: (scraped(one), scraped(one)) for name, one in running.items()}
            if not all(shows(one, metrics[-1], agents, seq) for one in running.values()):
                continue  # somebody was still subscribing
            rounds += 1
            if rounds == 1:
                continue  # of agents never seen before
            for name, ((seconds, page), (again, _)) in pages.items():
                taken[name]["changed"].append(seconds)
                taken[name]["still"].append(again)
                found[name] = {"samples": samples(page), "bytes": len(page)}
            if rounds > ROUNDS:
                break
        assert rounds > ROUNDS, f"{rounds} of {TRIES} beats were shown by all"
        for name, one in running.items():
            found[name] |= {
                f"{k}_s": round(statistics.median(v), 4) for k, v in taken[name].items()
            }
            found[name]["mib"] = round(cost.mebibytes(one.pid), 1)
    return found


def all_idle(running: dict[str, Exporter]) -> bool:
    """Whether none has used a CPU for a quarter of a second: a scrape would wake them up."""
    before = [cost.cpu_seconds(one.pid) for one in running.values()]
    time.sleep(0.25)
    after = [cost.cpu_seconds(one.pid) for one in running.values()]
    return all(b - a < 0.01 for a, b in zip(before, after, strict=True))


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    metrics = [f"gauge_{chr(97 + number)}_bytes" for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="scrape-") as folder:
        found = measure(agents, metrics, Path(folder))
    ours = found["hub"]
    tell(
        {
            "agents": agents,
            "metrics": count,
            "scraped": found,
            "times_faster": {
                name: {
                    kind: round(one[f"{kind}_s"] / ours[f"{kind}_s"], 2)
                    for kind in ("changed", "still")
                }
                for name, one in found.items()
                if name != "hub"
            },
            "memory_to_hub": {
                name: round(ours["mib"] / one["mib"], 2)
                for name, one in found.items()
                if name != "hub"
            },
        }
    )


if __name__ == "__main__":
    main()
