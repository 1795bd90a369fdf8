"""The figures of work as a scrape gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import Metric

from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.metrics import work_families
from fleet.metrics.collector import labelled, single
from fleet.store.work_records import WorkCounts

_OPEN: Final = tuple(state for state in TaskState if state not in FINAL)
_ENDS: Final = tuple(state for state in TaskState if state in FINAL)


def metrics_of(counts: WorkCounts, now: float) -> Iterable[Metric]:
    """Every family of `WORK_FAMILIES`; each state stands there from the start, at 0."""
    waiting = 0.0 if counts.oldest_queued is None else max(0.0, now - counts.oldest_queued)
    seconds: dict[tuple[str, ...], float] = {
        (kind,): total for kind, (total, _) in counts.seconds.items()
    }
    completed: dict[tuple[str, ...], float] = {
        (kind,): number for kind, (_, number) in counts.seconds.items()
    }
    yield labelled(work_families.TASKS, {(s.value,): counts.open.get(s, 0) for s in _OPEN})
    yield labelled(work_families.TASKS_ENDED, {(s.value,): counts.ended.get(s, 0) for s in _ENDS})
    yield single(work_families.QUEUE_AGE, waiting)
    yield single(work_families.ATTEMPTS, counts.attempts)
    yield single(work_families.EXPIRIES, counts.expiries)
    yield labelled(work_families.SECONDS, seconds)
    yield labelled(work_families.COMPLETED, completed)
