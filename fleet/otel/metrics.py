"""The exposition that Prometheus scrapes, as OTLP data points: one source for both."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

_SCOPE = InstrumentationScope("fleet")


def metrics_data(text: str, resource: Resource, started: float, now: float) -> MetricsData:
    """Every gauge and counter in `text` at `now`; counters count since `started` (epoch s)."""
    families = text_string_to_metric_families(text)
    metrics = [_metric(family, started, now) for family in families if _is_plain(family)]
    scope = ScopeMetrics(_SCOPE, metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _is_plain(family: Family) -> bool:
    """Histograms stay with Prometheus: the traces tell the latencies one by one."""
    return family.type in ("gauge", "counter") and bool(family.samples)


def _metric(family: Family, started: float, now: float) -> Metric:
    points = list(_points(family, started, now))
    if family.type == "counter":
        data: Sum | Gauge = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    else:
        data = Gauge(points)
    return Metric(family.name, family.documentation, "", data)


def _points(family: Family, started: float, now: float) -> Iterable[NumberDataPoint]:
    for sample in family.samples:
        yield NumberDataPoint(
            dict(sample.labels), int(started * 1e9), int(now * 1e9), float(sample.value)
        )
