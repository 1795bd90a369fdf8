"""A broker that restarts under a fleet: how sidecars' links come back, and what it costs.

    python -m benchmarks reconnect [AGENTS] [--down SECONDS]

Every link is the sidecar's own (`BrokerConnection`: paho, its rule of waiting, its subscriptions),
many to a process. The broker is killed, stays away, and starts again. `rule` waits as sidecars do
at their usual interval; `at_once` tries every half second, as many clients do. Told are connects
in the busiest second, tries, seconds until all are back, and the broker's CPU second by second.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import select
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agent_sidecar.config import load  # noqa: E402  # run as a file, too
from agent_sidecar.mqtt.connection import BrokerConnection  # noqa: E402
from agent_sidecar.mqtt.reconnect import Reconnect  # noqa: E402
from benchmarks.result import tell  # noqa: E402
from fleet.contract.vocabulary import MessageKind  # noqa: E402
from tests.support.broker import Mosquitto  # noqa: E402

PROCESSES: Final = 4
DOWN: Final = 5.0
"""Seconds that the broker is away, unless asked otherwise."""

LOOK: Final = 0.05
"""Seconds between two looks at what is due: the waits are measured in tenths."""

PATIENCE: Final = 240.0
TICKS: Final = os.sysconf("SC_CLK_TCK")
EACH_HALF_SECOND: Final = 0.5


class AtOnce(Reconnect):
    """Tries again every half second, whatever happens."""

    def lost(self, why: str, now: float, *, listens: bool = True) -> float:
        super().lost(why, now, listens=listens)
        return EACH_HALF_SECOND

    def failed(self, why: str, now: float, remedy: str = "") -> float:
        super().failed(why, now, remedy)
        return EACH_HALF_SECOND


class Links:
    """Some of the fleet's links in one process."""

    def __init__(self, url: str, folder: Path, numbers: range, rule: type[Reconnect]) -> None:
        self.ups: list[float] = []
        self._links = [self._link(url, folder, number, rule) for number in numbers]

    def _link(self, url: str, folder: Path, number: int, rule: type[Reconnect]) -> BrokerConnection:
        agent = f"sim-{number:05d}"
        flags = {"FLEET_AGENT": agent, "FLEET_BROKER": url, "FLEET_HOME": str(folder)}
        config = load(flags, {"HOME": str(folder)})
        link = BrokerConnection(
            config, lambda: None, rule(agent, str(config.broker), config.interval)
        )
        own = [config.topics.of(kind, agent) for kind in (MessageKind.COMMAND, MessageKind.RECEIPT)]
        link.listen((*own, config.topics.broadcast), lambda *_: None, self)
        return link

    def link_up(self, now: float, _window: int) -> None:
        self.ups.append(now)

    def link_down(self) -> None:
        pass

    def acked(self, _mid: int) -> None:
        pass

    def turn(self) -> None:
        """One look at what is due and what the sockets say."""
        now = time.monotonic()
        open_links = {link.descriptor: link for link in self._links if link.descriptor >= 0}
        poll = select.poll()
        for descriptor, link in open_links.items():
            poll.register(descriptor, select.POLLIN | (select.POLLOUT if link.wants_write else 0))
        for descriptor, _ in poll.poll(LOOK * 1000):
            open_links[descriptor].ready(now)
        now = time.monotonic()
        for link in self._links:
            if now >= link.deadline(now) or link.descriptor < 0:
                link.tick(now)

    @property
    def up(self) -> int:
        return sum(link.up for link in self._links)

    @property
    def attempts(self) -> int:
        return sum(link.counters.attempts for link in self._links)

    def close(self) -> None:
        for link in self._links:
            link.close()


def work(pipe: Connection, url: str, folder: str, numbers: range, rule: type[Reconnect]) -> None:
    """A process of the fleet: answers `look` until it is told to end."""
    logging.disable(logging.CRITICAL)
    links = Links(url, Path(folder), numbers, rule)
    while True:
        links.turn()
        if pipe.poll():
            if pipe.recv() == "end":
                links.close()
                return
            pipe.send((links.up, links.attempts, links.ups))


class Fleet:
    """All links, in some processes."""

    def __init__(self, url: str, folder: Path, agents: int, rule: type[Reconnect]) -> None:
        context = multiprocessing.get_context("fork")
        self._agents = agents
        self._pipes, self._processes = [], []
        for part in range(PROCESSES):
            ours, theirs = context.Pipe()
            numbers = range(part, agents, PROCESSES)
            process = context.Process(target=work, args=(theirs, url, str(folder), numbers, rule))
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def look(self) -> tuple[int, int, list[float]]:
        """Links that are up, tries so far, and when each link came about (monotonic s)."""
        for pipe in self._pipes:
            pipe.send("look")
        answers = [pipe.recv() for pipe in self._pipes]
        ups = sorted(moment for answer in answers for moment in answer[2])
        return sum(a[0] for a in answers), sum(a[1] for a in answers), ups

    def wait(self, cpu: list[tuple[float, float]], pid: int) -> None:
        """Until all are up; `cpu` is given the broker's CPU seconds meanwhile."""
        end = time.monotonic() + PATIENCE
        while self.look()[0] < self._agents:
            assert time.monotonic() < end, f"{self.look()[0]} of {self._agents} links"
            cpu.append((time.monotonic(), spent(pid)))
            time.sleep(0.1)
        cpu.append((time.monotonic(), spent(pid)))

    def end(self) -> None:
        for pipe in self._pipes:
            pipe.send("end")
        for process in self._processes:
            process.join(20)
            process.kill()


def spent(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def by_second(cpu: list[tuple[float, float]], began: float) -> list[int]:
    """The share of a core, in percent, that was used in each second since `began`."""
    marks: dict[int, float] = {}
    for moment, used in cpu:
        marks[int(moment - began)] = used
    shares, before = [], 0.0
    for second in range(max(marks) + 1):
        used = marks.get(second, before)
        shares.append(round(100 * (used - before)))
        before = used
    return shares


def storm(agents: int, down: float, rule: type[Reconnect]) -> dict[str, Any]:
    """One restart under a whole fleet."""
    with tempfile.TemporaryDirectory(prefix="reconnect-") as folder:
        broker = Mosquitto(Path(folder) / "broker", ["log_type none"]).start()
        fleet = Fleet(broker.url, Path(folder) / "home", agents, rule)
        try:
            fleet.wait([], broker.pid)
            time.sleep(2.0)
            tries = fleet.look()[1]
            broker.kill()
            time.sleep(down)
            broker.start()
            began, cpu = time.monotonic(), [(time.monotonic(), 0.0)]
            fleet.wait(cpu, broker.pid)
            _, attempts, ups = fleet.look()
        finally:
            fleet.end()
            broker.stop()
    back = [moment - began for moment in ups if moment >= began]
    seconds = Counter(int(moment) for moment in back)
    tenths = Counter(int(moment * 10) for moment in back)
    return {
        "back_s": {"half": round(back[len(back) // 2], 1), "all": round(back[-1], 1)},
        "busiest_second": max(seconds.values()),
        "busiest_tenth": max(tenths.values()),
        "tries_an_agent": round((attempts - tries) / agents, 2),
        "broker_cpu_s": round(cpu[-1][1], 2),
        "broker_cpu_percent": by_second(cpu, began),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="reconnect", description=__doc__)
    parser.add_argument("agents", nargs="?", type=int, default=1_000)
    parser.add_argument("--down", type=float, default=DOWN, help="seconds without a broker")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor an agent
    found = {
        name: storm(given.agents, given.down, rule)
        for name, rule in (("rule", Reconnect), ("at_once", AtOnce))
    }
    tell({"agents": given.agents, "down_s": given.down, **found})


if __name__ == "__main__":
    main()
