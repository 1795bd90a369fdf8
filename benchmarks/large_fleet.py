"""A fleet of 100,000 on one hub with SQLite, its agents multiplexed over 2,000 connections.

    python -m benchmarks large_fleet [AGENTS] [CONNECTIONS] [SECONDS_BETWEEN_BEATS ...]

As `fleet_sim`, in one size and several rhythms: the default first, a beat of each agent in 600 s,
which is what has to pass, then faster ones: `keeps_up` says which of them this machine bears, whose
cores broker, agents and hub share. Goals: the first full snapshot after the hub's start ≤ 20 s,
250 MiB in all, a page of agents ≤ 50 ms, `fleet status` ≤ 2 s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.fleet_sim import measure
from benchmarks.result import tell
from fleet.contract.limits import DEFAULT_INTERVAL

RHYTHMS: Final = (float(DEFAULT_INTERVAL), 300.0, 150.0, 100.0, 60.0)


def main() -> None:
    words = sys.argv[1:]
    agents = int(words[0]) if words else 100_000
    connections = int(words[1]) if len(words) > 1 else 2_000
    rhythms = [float(word) for word in words[2:]] or RHYTHMS
    with tempfile.TemporaryDirectory(prefix="fleet-sim-") as folder:
        tell(measure(agents, 20.0, Path(folder), connections, rhythms))


if __name__ == "__main__":
    main()
