"""The figures of failover as a scrape gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import Metric

from fleet.domain.failover.pair import Pair, Phase
from fleet.metrics import pair_families
from fleet.metrics.collector import labelled, single


def metrics_of(pairs: Iterable[Pair], sent: int, *, frozen: bool) -> Iterable[Metric]:
    """Every family of `PAIR_FAMILIES`."""
    phases = Counter(pair.phase for pair in pairs)
    yield labelled(pair_families.PAIRS, {(phase.value,): phases[phase] for phase in Phase})
    yield single(pair_families.LEASES, sent)
    yield single(pair_families.FROZEN, int(frozen))
