"""What a fleet says, judged, committed and acknowledged by the hub, beside those that only count.

    python -m benchmarks intake_mixed [MESSAGES] [ROUNDS] [LINKS ...]

As `intake`, but of twenty messages four are no heartbeat that says nothing new: a plane changed in
three, and one is an answer, an alert or a progress (prometheus-mqtt-exporter takes the heartbeats
alone). Over one connection and over many; 1,000 agents, or as many as there are connections. CPU is
told a message and by process: machine and load do not change it much, and say who is busy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from benchmarks import cost, exporters
from benchmarks.generator import OTHER
from benchmarks.intake import PATIENCE, ROOT, Contender, exporter, mosquitto_sub, our_hub
from benchmarks.result import tell
from fleet.bus.local_broker import LIMITS, STATE
from tests.support.broker import Mosquitto

AGENTS: Final = 1_000
LINKS: Final = (1, 1_000)


def contenders() -> dict[str, Contender]:
    found: dict[str, Contender] = {
        "mosquitto_sub": mosquitto_sub,
        "link": lambda *given: our_hub("link", *given),
        "hub": lambda *given: our_hub("codec", *given),
    }
    for name in ("prometheus-mqtt-exporter",):
        if name in exporters.installed():
            found[name] = exporter(exporters.installed()[name])
    return found


def heartbeats(messages: int, agents: int) -> int:
    """How many of a mixed load are."""
    places = ((n // agents * 7 + n % agents) % 20 for n in range(messages))
    return sum(place != OTHER for place in places)


def burst(name: str, messages: int, links: int) -> dict[str, float]:
    """Messages a second, and microseconds of CPU a message of each process that can be read."""
    agents = max(AGENTS, links)
    taken = heartbeats(messages, agents) if name == "prometheus-mqtt-exporter" else messages
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        broker = Mosquitto(folder / "broker", (*LIMITS, *STATE[1:]), persistence=True).start()
        try:
            with contenders()[name](broker, taken, folder) as count:
                arguments = [str(one) for one in (broker.port, messages, agents, links)]
                generator = subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.generator", *arguments],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                )  # fmt: skip
                assert generator.stdin
                assert generator.stdout
                generator.stdout.readline()
                pids = {"broker": broker.pid, "generator": generator.pid}
                if (own := getattr(count, "pid", None)) is not None:
                    pids["own"] = own
                before = {who: cost.cpu_seconds(pid) for who, pid in pids.items()}
                generator.stdin.write("go\n")
                generator.stdin.flush()
                began = float(generator.stdout.readline())
                ended = count()
                assert int(generator.stdout.readline()) == messages
                spent = {who: cost.cpu_seconds(pid) - before[who] for who, pid in pids.items()}
                generator.communicate("end\n", timeout=PATIENCE)
        finally:
            broker.kill()
    each = {f"cpu_us_{who}": seconds / messages * 1e6 for who, seconds in spent.items()}
    return {"per_s": taken / (ended - began), **each}


def measure(messages: int, rounds: int, links: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for name in contenders():
            runs[name].append(burst(name, messages, links))
    medians = {
        name: {key: round(statistics.median(run[key] for run in found), 1) for key in found[0]}
        for name, found in runs.items()
    }
    hub, floor = medians["hub"]["per_s"], medians["link"]["per_s"]
    return {
        "links": links,
        **medians,
        "all_per_s": {name: [round(run["per_s"]) for run in found] for name, found in runs.items()},
        "link_to_mosquitto_sub": round(floor / medians["mosquitto_sub"]["per_s"], 2),
        "hub_to": {n: round(hub / found["per_s"], 2) for n, found in medians.items() if n != "hub"},
    }


def main() -> None:
    messages, rounds, *links = [*map(int, sys.argv[1:]), *(100_000, 5)[len(sys.argv) - 1 :]]
    rows = [measure(messages, rounds, one) for one in links or LINKS]
    tell({"messages": messages, "rounds": rounds, "rows": rows})


if __name__ == "__main__":
    main()
