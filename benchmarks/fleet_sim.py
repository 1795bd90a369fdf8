"""A whole fleet on one machine: agents connected at once to one Mosquitto, and a hub beside it.

    python -m benchmarks.fleet_sim [AGENTS ...] [--seconds S] [--connections N]
    python -m benchmarks.fleet_sim 500 --broker HOST:PORT     # agents only, for your own broker

For each size: time to connect; time from the start of a hub until its store knows every agent;
time until a broadcast command is answered by all and every answer is stored; ingest of a burst;
then CPU and memory of broker and hub while everyone beats and a tenth of the agents flap; what a
page of agents, `fleet status` and what the web page asks for cost then. Agents share connections
where there are more of them than `--connections`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Self

from benchmarks import wire
from benchmarks.known_agents import asked
from benchmarks.result import tell
from benchmarks.sim_agents import TOPICS, work
from fleet.bus.local_broker import LIMITS, STATE
from fleet.contract.timestamps import timestamp, ulid
from fleet.tokens import Principal, Role, Tokens
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.hub_http import ask
from tests.support.waiting import wait_until

SIZES: Final = (100, 1_000, 10_000)
PROCESSES: Final = 2
INTERVAL: Final = 10.0
"""Seconds between beats: 60 times as often as the default."""

FLAPPING: Final = 0.1
PATIENCE: Final = 300.0
"""Seconds for what a fleet or the hub is to do."""

CONNECTIONS: Final = 10_000
"""At most; a machine's limits and the broker's memory for each are not what is asked here."""

BURST: Final = 20_000
"""Messages of the ingest burst, whatever the number of agents."""

SETTLED: Final = 5.0
"""Seconds after which a fleet beats in its new rhythm."""

LOOK: Final = 3.0
"""Seconds of the hub's CPU, of one look whether it has settled."""

LEVEL: Final = 5.0
"""Percent of a core by which they differ at most, where the hub has settled."""

KEPT_UP: Final = 0.95
"""Share of the beats that are due in a window and stored in it: what is on its way is not."""


class Fleet:
    """The processes of agents; a context manager."""

    def __init__(
        self, address: tuple[str, int], agents: int, interval: float, shared: int = 1
    ) -> None:
        names = [f"sim-{number:05d}" for number in range(agents)]
        self._pipes: list[Connection] = []
        self._processes = []
        context = multiprocessing.get_context("spawn")
        for part in range(PROCESSES):
            ours, theirs = context.Pipe()
            given = (theirs, address, names[part::PROCESSES], interval, FLAPPING, shared)
            self._processes.append(context.Process(target=work, args=given, daemon=True))
            self._pipes.append(ours)

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.send(("end",))
        for process in self._processes:
            process.join(10)

    @property
    def pids(self) -> list[int]:
        """Of the processes, once started."""
        return [process.pid for process in self._processes if process.pid]

    def order(self, *words: object) -> dict[str, int]:
        """Tell every process; what they have done so far, in all."""
        for pipe in self._pipes:
            pipe.send(words)
        parts = [pipe.recv() for pipe in self._pipes]
        names = ("up", "connects", "sent", "acked", "answered")
        return dict(zip(names, map(sum, zip(*parts, strict=True)), strict=True))

    def look(self) -> dict[str, int]:
        return self.order("look")


class Cost:
    """CPU and memory of a process between two moments."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began, self._cpu = time.monotonic(), self._seconds()

    def _seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def seconds(self) -> float:
        return self._seconds() - self._cpu

    def percent(self) -> float:
        return 100 * self.seconds() / (time.monotonic() - self._began)

    def mebibytes(self) -> float:
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Tally:
    """Stored messages by kind. Asked a hundred times a second, it counts only what is new: a
    count of all would keep one of the two cores busy that it measures."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._found: Counter[int] = Counter()
        self._upto = 0

    def __call__(self, kind: int) -> int:
        new = "SELECT kind, count(*), max(id) FROM message WHERE id > ? GROUP BY kind"
        for known, count, last in self._hub.query(new, self._upto):
            self._found[int(str(known))] += int(str(count))
            self._upto = max(self._upto, int(str(last)))
        return self._found[kind]


def measure(
    agents: int,
    seconds: float,
    folder: Path,
    most: int = CONNECTIONS,
    rhythms: Sequence[float] = (INTERVAL,),
) -> dict[str, Any]:
    """One row. It is of the first rhythm, of seconds between two beats of an agent; of the others
    there is only what they cost while everybody beats."""
    shared, interval = -(-agents // most), rhythms[0]
    found: dict[str, Any] = {"agents": agents, "connections": -(-agents // shared)}
    found["interval_s"] = interval
    broker = Mosquitto(folder / "broker", (*LIMITS, *STATE[1:]), persistence=True).start()
    hub = HubProcess(folder / "home", broker, log=folder / "hub.log", FLEET_MAX_AGENTS="1000000")
    try:
        with Fleet(("127.0.0.1", broker.port), agents, interval, shared) as fleet:
            fleet.look()  # its processes have started
            found["connect"] = took(lambda: fleet.look()["up"] == agents, fleet.order, "connect")
            found["snapshot"] = took(lambda: known(hub) == agents, hub.start)
            time.sleep(2)
            rows = Tally(hub)
            answered, kept = broadcast(broker, fleet, rows, agents)
            found |= {"answered": answered, "answers_stored": kept}
            stored = rows(0)
            burst = max(1, BURST // agents)
            spending = {
                "hub": [Cost(hub.pid)],
                "broker": [Cost(broker.pid)],
                "agents": [Cost(pid) for pid in fleet.pids],
            }
            needed = took(lambda: rows(0) >= stored + burst * agents, fleet.order, "burst", burst)
            found["ingest"] = round((rows(0) - stored) / needed)  # the beats that go on, too
            for name, spent in spending.items():
                found[f"burst_{name}_cpu"] = round(sum(cost.seconds() for cost in spent), 2)
            fleet.order("flap")
            found["settled"] = settled(hub)
            found |= steady(hub, broker, rows, agents / interval, seconds)
            viewer, _ = Tokens(hub.home).create(Principal(Role.VIEWER), "2026-01-01T00:00:00Z")
            found |= asked_of(hub, agents, viewer)
            for rhythm in rhythms[1:]:
                fleet.order("rhythm", rhythm)
                time.sleep(SETTLED)
                cost = steady(hub, broker, rows, agents / rhythm, seconds)
                found.setdefault("faster", []).append({"interval_s": rhythm} | cost)
                if not cost["keeps_up"]:
                    break
            fleet.order("steady")
            fleet.order("rhythm", interval)
            fleet.order("burst", 1)  # whoever said that it beats faster would be late
            wait_until(lambda: fleet.look()["up"] == agents, PATIENCE, "everyone's return")
            wait_until(lambda: well(hub, viewer) == agents, PATIENCE, "the hub to see them well")
            found["well"] = well(hub, viewer)
    finally:
        hub.kill()
        broker.kill()
    return found


def settled(hub: HubProcess) -> float:
    """Seconds until three looks at its CPU are alike: receipts, ends of commands and room in the
    store come after a burst, and what goes on is what is asked here."""
    began, looks = time.monotonic(), list[float]()
    while len(looks) < 3 or max(looks) - min(looks) > LEVEL:
        if time.monotonic() - began > PATIENCE:
            break
        cost = Cost(hub.pid)
        time.sleep(LOOK)
        looks = [*looks, cost.percent()][-3:]
    return round(time.monotonic() - began, 1)


def steady(
    hub: HubProcess, broker: Mosquitto, rows: Tally, due: float, seconds: float
) -> dict[str, Any]:
    """What goes on for so long: beats a second that the hub stored, of those `due`; the cost."""
    costs = Cost(hub.pid), Cost(broker.pid)
    before = rows(0)
    time.sleep(seconds)
    beats = (rows(0) - before) / seconds
    found: dict[str, Any] = {"beats": round(beats), "keeps_up": beats >= KEPT_UP * due}
    for name, cost in zip(("hub", "broker"), costs, strict=True):
        found[f"{name}_cpu"] = round(cost.percent(), 1)
        found[f"{name}_mib"] = round(cost.mebibytes(), 1)
    return found


def asked_of(hub: HubProcess, agents: int, viewer: str) -> dict[str, Any]:
    """What readers ask of a hub that works: seconds, and bytes of the answer."""
    found: dict[str, Any] = {
        name: asked(hub, path, viewer)
        for name, path in (
            ("page", "/v1/agents?limit=100"),
            ("far_page", f"/v1/agents?offset={agents // 2}&limit=100"),
            ("brief", "/v1/agents?brief=true"),
            ("stats", "/v1/stats"),
        )
    }
    environ = {**os.environ, "FLEET_HOME": str(hub.home)}
    spent = []
    for _ in range(3):
        began = time.monotonic()
        argv = [sys.executable, "-m", "fleet", "status"]
        subprocess.run(argv, env=environ, stdout=subprocess.DEVNULL, check=False)
        spent.append(time.monotonic() - began)
    return {"asked": found | {"status_s": round(min(spent), 2)}}


def took(fact: Any, act: Any, *words: object) -> float:
    """Seconds from before `act` until `fact`."""
    began = time.monotonic()
    act(*words)
    wait_until(fact, PATIENCE, "the fact")
    return round(time.monotonic() - began, 3)


def broadcast(broker: Mosquitto, fleet: Fleet, rows: Tally, agents: int) -> tuple[float, float]:
    """Seconds until all have answered, and until every answer is stored."""
    import socket

    stored = rows(1)
    now = time.time()
    command = {"verb": "health-check", "id": ulid(now), "ts": timestamp(now)}
    packet = wire.publish(TOPICS.broadcast, json.dumps(command).encode())
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", broker.port)) as link:
        link.sendall(wire.connect("operator") + packet)
        wait_until(lambda: fleet.look()["answered"] >= agents, PATIENCE, "every answer")
        answered = time.monotonic() - began
        wait_until(lambda: rows(1) >= stored + agents, PATIENCE, "every answer stored")
    return round(answered, 3), round(time.monotonic() - began, 3)


def known(hub: HubProcess) -> int:
    """Agents of whom the hub has stored a message."""
    found = hub.query("SELECT count(*) FROM agent WHERE name LIKE 'sim-%'")
    return int(str(found[0][0])) if found else 0


def well(hub: HubProcess, token: str) -> int:
    """Agents that the hub shows as ok."""
    said = ask(f"http://{hub.http}/v1/stats", headers={"Authorization": f"Bearer {token}"})
    return int(json.loads(said.body)["agents"]["ok"])


def simulate_only(address: str, agents: int, interval: float) -> None:
    """Agents against a broker of somebody else's, until Ctrl-C."""
    host, _, port = address.partition(":")
    with Fleet((host, int(port or 1883)), agents, interval) as fleet:
        fleet.order("connect")
        try:
            while True:
                time.sleep(5)
                print(json.dumps(fleet.look()), flush=True)
        except KeyboardInterrupt:
            return


def main() -> None:
    parser = argparse.ArgumentParser(prog="fleet_sim", description=__doc__)
    parser.add_argument("agents", nargs="*", type=int, default=SIZES)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the steady part")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="at most")
    parser.add_argument("--interval", type=float, default=INTERVAL, help="with --broker")
    parser.add_argument("--broker", metavar="HOST:PORT", help="agents only, for this broker")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor an agent
    if given.broker:
        simulate_only(given.broker, given.agents[0], given.interval)
        return
    results = []
    for agents in given.agents:
        print(f"{agents} agents …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="fleet-sim-") as folder:
            results.append(measure(agents, given.seconds, Path(folder), given.connections))
    tell({"rows": results})


if __name__ == "__main__":
    main()
