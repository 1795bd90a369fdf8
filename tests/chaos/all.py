"""Every scenario, in the order of the table."""

from __future__ import annotations

from typing import Final

from tests.chaos import (
    r01_broker_killed,
    r02_hub_killed,
    r03_sidecar_killed,
    r04_silence,
    r05_sessions,
    r06_clocks,
    r07_disks_full,
    r08_queue_overflow,
    r09_hostile,
    r10_docker_killed,
    r11_nats_cluster,
    r12_bridge,
    r13_a_day,
    r14_bursts,
    r15_receivers,
    r16_leader_killed,
    r17_broker_pair,
    r18_failover,
    r19_work,
)
from tests.chaos.scenario import Scenario

SCENARIOS: Final[tuple[Scenario, ...]] = (
    r01_broker_killed.SCENARIO,
    r02_hub_killed.SCENARIO,
    r03_sidecar_killed.SCENARIO,
    r04_silence.SCENARIO,
    r05_sessions.SCENARIO,
    r06_clocks.SCENARIO,
    r07_disks_full.SCENARIO,
    r08_queue_overflow.SCENARIO,
    r09_hostile.SCENARIO,
    r10_docker_killed.SCENARIO,
    r11_nats_cluster.SCENARIO,
    r12_bridge.SCENARIO,
    r13_a_day.SCENARIO,
    r14_bursts.SCENARIO,
    r15_receivers.SCENARIO,
    r16_leader_killed.SCENARIO,
    r17_broker_pair.SCENARIO,
    r18_failover.SCENARIO,
    r19_work.SCENARIO,
)
