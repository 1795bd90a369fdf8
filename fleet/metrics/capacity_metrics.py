"""The forecasts of the last round as a scrape gets them; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from prometheus_client.core import Metric

from fleet.domain.capacity.forecast import DAY, Forecast
from fleet.metrics import capacity_families as families
from fleet.metrics.agent_families import Family
from fleet.metrics.collector import labelled, single

NEAR: Final = 30 * DAY
"""Seconds within which an end is told: what is months away is no figure to watch."""


def metrics_of(
    forecasts: Sequence[Forecast], computed_at: float | None, now: float
) -> Iterable[Metric]:
    """Every family of `CAPACITY_FAMILIES`; `forecasts` have the soonest end first."""
    if computed_at is None:
        return
    ends = [one for one in forecasts if one.exhausts_at is not None]
    rooms = [one for one in ends if not one.window and (one.exhausts_at or 0) - now <= NEAR]
    limits = sorted((one for one in forecasts if one.quota), key=lambda one: -(one.share or 0.0))
    groups = [one for one in forecasts if one.window and not one.agent and not one.quota]
    yield _few(
        families.EXHAUSTION,
        (((r.agent, r.metric, r.confidence.value), _left(r, now)) for r in rooms),
    )
    yield _few(families.SLOPE, (((r.agent, r.metric), r.per_day or 0.0) for r in rooms))
    yield _few(families.USED, ((_whose(one), one.share or 0.0) for one in limits))
    yield _few(
        families.QUOTA_EXHAUSTION, ((_whose(one), _left(one, now)) for one in ends if one.quota)
    )
    yield _few(families.GROUP_USED, ((_what(one), one.now) for one in groups))
    yield _few(
        families.GROUP_AT_END,
        ((_what(one), one.at_end) for one in groups if one.at_end is not None),
    )
    yield single(families.COMPUTED, max(0.0, now - computed_at))


def _few(family: Family, series: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    return labelled(family, dict(islice(series, families.MOST)))


def _left(one: Forecast, now: float) -> float:
    return max(0.0, (one.exhausts_at or now) - now)


def _whose(one: Forecast) -> tuple[str, ...]:
    return one.quota, one.agent, one.group


def _what(one: Forecast) -> tuple[str, ...]:
    return one.group, one.metric, one.unit, one.window
