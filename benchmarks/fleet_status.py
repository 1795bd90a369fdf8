"""`fleet status` and `fleet check`, whole processes, where the hub knows many agents.

    python -m benchmarks fleet_status [AGENTS]

The agents are records in the store, as in `known_agents`. Two fleets: one in a hundred has gone, or
all have. Of each command the seconds from start to end, first and again, its CPU and the hub's for
it, and the bytes it printed.
Goal at 100,000: `fleet status` ≤ 2 s, whoever has gone.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import cost
from benchmarks.known_agents import STARTING, fill, hub_in, ready, roster_of
from benchmarks.result import ROOT, tell
from benchmarks.state import INTERVAL
from fleet.bus.local_broker import LIMITS
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain.roster import Roster
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.waiting import wait_until

FLEETS: Final = {"hundredth_gone": 100, "all_gone": 1}
"""Of how many agents one has gone."""

COMMANDS: Final = {
    "fleet status": ["status"],
    "fleet check": ["check"],
    "fleet status --state ok": ["status", "--state", "ok"],
    "fleet status AGENT": ["status", "agent-000000"],
}
AGAIN: Final = 3


def let_go(roster: Roster, agents: int, each: int, now: float) -> int:
    """How many have gone, by their last wills, which were written when they began."""
    reader, gone = Reader(), range(0, agents, each)
    for number in gone:
        text = f'{{"state":"offline","ts":"{timestamp(now - 2 * INTERVAL)}"}}'.encode()
        message = reader.read(MessageKind.STATUS, text)
        roster.observe(Address(f"agent-{number:06d}", MessageKind.STATUS), message, at=now)
    return len(gone)


def called(hub: HubProcess, words: list[str]) -> dict[str, float]:
    """One run; that of the hub is what it worked meanwhile, for whomever."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(hub.home), "PYTHONPATH": str(ROOT),
        "FLEET_HOME": str(hub.home),
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked, began = cost.cpu_seconds(hub.pid), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fleet", *words], env=environ, capture_output=True, check=False
    )
    spent = time.perf_counter() - began
    return {
        "s": round(spent, 2),
        "cpu_s": round(_cpu(resource.getrusage(resource.RUSAGE_CHILDREN)) - _cpu(before), 3),
        "hub_cpu_s": round(cost.cpu_seconds(hub.pid) - worked, 3),
        "bytes": len(done.stdout),
        "exit": done.returncode,
    }


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def measured(hub: HubProcess, words: list[str]) -> dict[str, float]:
    first = called(hub, words)
    fastest = min((called(hub, words) for _ in range(AGAIN)), key=lambda run: run["s"])
    return {"first_s": first["s"], "first_hub_cpu_s": first["hub_cpu_s"], **fastest}


def fleet(agents: int, each: int, folder: Path, broker: Mosquitto) -> dict[str, Any]:
    now = time.time()
    roster = roster_of(agents, now)
    let_go(roster, agents, each, now)
    hub = hub_in(folder, f"gone-{each}", broker)
    asyncio.run(fill(SqliteStore(hub.home), roster, agents, now))
    try:
        hub.start()
        wait_until(lambda: ready(hub), STARTING, "a hub that serves")
        time.sleep(5.0)  # it judges everybody once when it has caught up
        return {name: measured(hub, words) for name, words in COMMANDS.items()}
    finally:
        hub.kill()  # it has nothing to keep


def main() -> None:
    agents = next((int(word) for word in sys.argv[1:] if word.isdigit()), 100_000)
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as name:
        folder = Path(name)
        broker = Mosquitto(folder, LIMITS).start()
        try:
            found = {of: fleet(agents, each, folder, broker) for of, each in FLEETS.items()}
        finally:
            broker.stop()
    tell({"agents": agents, **found, "load": round(os.getloadavg()[0], 1)})


if __name__ == "__main__":
    main()
