"""A fleet of 100,000 on one hub with SQLite, its agents multiplexed over 2,000 connections.

    python -m benchmarks large_fleet [AGENTS] [CONNECTIONS]

As `fleet_sim`, in one size. Goals: the first full snapshot after the hub's start ≤ 20 s, 250 MiB in
all, a page of agents ≤ 50 ms, `fleet status` ≤ 2 s.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.fleet_sim import measure
from benchmarks.result import tell


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    with tempfile.TemporaryDirectory(prefix="fleet-sim-") as folder:
        tell(measure(agents, 20.0, Path(folder), connections))


if __name__ == "__main__":
    main()
