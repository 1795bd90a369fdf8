"""The figures of rollouts as a scrape gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.metrics import rollout_families
from fleet.metrics.collector import labelled
from fleet.store.rollout_port import Whole

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def metrics_of(known: Sequence[Whole]) -> Iterable[Metric]:
    """Every family of `ROLLOUT_FAMILIES`; each state stands there from the start, at 0."""
    rollouts = Counter(whole.rollout.state for whole in known)
    agents = Counter(one.state for whole in known for one in whole.executions)
    yield labelled(rollout_families.ROLLOUTS, {(s.value,): rollouts[s] for s in RolloutState})
    yield labelled(rollout_families.AGENTS, {(s.value,): agents[s] for s in ExecutionState})
