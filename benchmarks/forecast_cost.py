"""What forecasts cost a hub: memory of an agent's weeks, and the work of reading and of a round.

    python -m benchmarks forecast_cost [AGENTS]

Each agent has 35 days of disk, memory and tokens, busy in every hour: the most that is kept of one.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from random import Random

from benchmarks.result import tell
from fleet.domain.capacity.fleet_use import FleetUse, Rules
from fleet.domain.capacity.forecast import HOUR
from fleet.domain.capacity.series import HOURS_KNOWN

START = 1_800_000_000.0
SIZE = 2e11


def fill(fleet: FleetUse, agent: str, random: Random) -> None:
    spent, left = 0, SIZE
    for hour in range(HOURS_KNOWN):
        spent += random.randrange(1, 100_000)
        left -= random.random() * 1e8
        numbers = {
            "tokens_input_total": spent,
            "tokens_output_total": spent // 4,
            "disk_available_bytes": left,
            "disk_size_bytes": SIZE,
            "memory_available_bytes": left / 10,
            "memory_size_bytes": SIZE / 10,
        }
        fleet.take(agent, START + hour * HOUR, {n: (v, v, v) for n, v in numbers.items()})


def main() -> None:
    agents = int(sys.argv[1]) if sys.argv[1:] else 200
    names, random = [f"agent-{n}" for n in range(agents)], Random(7)
    fleet, now = FleetUse(Rules()), START + HOURS_KNOWN * HOUR
    began = time.process_time()
    for name in names:
        fill(fleet, name, random)
    read = time.process_time() - began
    began = time.process_time()
    tallies = {name: fleet.tally(name, (), now) for name in names}
    tallied = time.process_time() - began
    began = time.process_time()
    for name in names:
        fleet.of_agent(name, (), now, tallies[name])
    forecast = time.process_time() - began
    weighed = FleetUse(Rules())
    tracemalloc.start()
    for name in names[:20]:
        fill(weighed, name, random)
    kib = tracemalloc.get_traced_memory()[0] / 20 / 1024
    tracemalloc.stop()
    tell(
        {
            "agents": agents,
            "kib_an_agent": round(kib, 1),
            "hour_taken_us": round(1e6 * read / agents / HOURS_KNOWN, 1),
            "tally_ms": round(1e3 * tallied / agents, 2),
            "forecast_ms": round(1e3 * forecast / agents, 2),
        }
    )


if __name__ == "__main__":
    main()
