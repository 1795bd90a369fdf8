"""What the roster costs: bytes an agent, and the time to tell who fell silent.

    python -m benchmarks state [AGENTS]

Goals at 100,000 agents: at most 700 bytes an agent, staleness in at most 2 ms.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from typing import Any, Final

from benchmarks.result import tell
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.roster import Roster

START: Final = 1_800_000_000.0
INTERVAL: Final = 600


def payload(number: int, at: float, seq: int) -> bytes:
    """A heartbeat as a sidecar sends it, different in every number that differs in life."""
    message: dict[str, Any] = {
        "ok": True,
        "ts": timestamp(at),
        "uptime": 1000.5 + number,
        "interval": INTERVAL,
        "boot": int(START * 1000) + number,
        "seq": seq,
        "checks": {"process": "pass", "endpoint": "pass", "disk": "pass", "memory": "pass"},
        "alerts": [],
        "metrics": {"memory_bytes": 1e8 + number, "cpu_seconds_total": 0.1 * number},
    }
    return json.dumps(message, separators=(",", ":")).encode()


def status(number: int, at: float) -> bytes:
    message = {
        "state": "running",
        "ts": timestamp(at),
        "boot": int(START * 1000) + number,
        "seq": 0,
        "kind": "nanobot",
        "versions": {"agent": "0.3.5", "sidecar": "0.1.0", "runtime": "3.11.7"},
        "config": f"sha256:{number:064x}",
    }
    return json.dumps(message, separators=(",", ":")).encode()


def filled(agents: int) -> Roster:
    """A roster with `agents` that spoke within one interval."""
    roster = Roster(interval=INTERVAL)
    reader = Reader()
    for number in range(agents):
        name = f"agent-{number:06d}"
        at = START + INTERVAL * number / agents
        for kind, text in (
            (MessageKind.STATUS, status(number, at)),
            (MessageKind.HEARTBEAT, payload(number, at, 1)),
        ):
            roster.observe(Address(name, kind), reader.read(kind, text), at=at)
    return roster


def observation(roster: Roster, agents: int) -> float:
    """Seconds that the next ordinary heartbeat takes, judged message in hand."""
    reader = Reader()
    kind = MessageKind.HEARTBEAT
    some = range(0, agents, max(1, agents // 20_000))
    ready = []
    for number in some:
        at = START + INTERVAL * (1 + number / agents)
        message = reader.read(kind, payload(number, at, 2))
        ready.append((Address(f"agent-{number:06d}", kind), message, at))
    began = time.perf_counter()
    for address, message, at in ready:
        roster.observe(address, message, at=at)
    return (time.perf_counter() - began) / len(ready)


def ticks(roster: Roster) -> tuple[float, float]:
    """Median and worst seconds of a tick while everybody falls silent over one interval."""
    times = []
    for second in range(INTERVAL, 4 * INTERVAL):
        began = time.perf_counter()
        roster.tick(START + second)
        times.append(time.perf_counter() - began)
    times.sort()
    return times[len(times) // 2], times[-1]


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    gc.collect()
    tracemalloc.start()
    roster = filled(agents)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / agents
    tracemalloc.stop()
    del roster
    gc.collect()
    roster = filled(agents)
    gc.collect()
    gc.freeze()
    quiet = min(_timed(roster, START + INTERVAL) for _ in range(5))
    median, worst = ticks(roster)
    spent = observation(filled(agents), agents)
    result = {
        "agents": agents,
        "bytes_an_agent": round(size),
        "observe_us": round(spent * 1e6, 2),
        "staleness_quiet_ms": round(quiet * 1e3, 3),
        "staleness_median_ms": round(median * 1e3, 3),
        "staleness_worst_ms": round(worst * 1e3, 3),
    }
    tell(result)


def _timed(roster: Roster, now: float) -> float:
    began = time.perf_counter()
    roster.tick(now)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
