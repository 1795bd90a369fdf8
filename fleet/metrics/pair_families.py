"""Families about pairs."""

from __future__ import annotations

from typing import Final

from fleet.domain.failover.pair import Phase
from fleet.metrics.agent_families import Family

PAIRS: Final = Family(
    "fleet_pairs", "gauge", "pairs of agents, by phase", ("phase",), f"one a phase: {len(Phase)}"
)
LEASES: Final = Family("fleet_leases_sent_total", "counter", "leases sent to agents", (), "1")
FROZEN: Final = Family(
    "fleet_failover_frozen",
    "gauge",
    "1 while too many agents are silent to fail over",
    (),
    "1",
)

PAIR_FAMILIES: Final = (PAIRS, LEASES, FROZEN)
