"""Families about rollouts that are under way, or ended within a day."""

from __future__ import annotations

from typing import Final

from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.metrics.agent_families import Family

ROLLOUTS: Final = Family(
    "fleet_rollouts",
    "gauge",
    "rollouts that are under way, or ended within a day, by state",
    ("state",),
    f"one a state: {len(RolloutState)}",
)
AGENTS: Final = Family(
    "fleet_rollout_agents",
    "gauge",
    "agents of those rollouts, by where they are",
    ("state",),
    f"one a state: {len(ExecutionState)}",
)

ROLLOUT_FAMILIES: Final = (ROLLOUTS, AGENTS)
