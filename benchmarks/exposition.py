"""A scrape of many agents against prometheus-client's `generate_latest` of as many gauges.

    python -m benchmarks exposition [AGENTS...]

Twelve series an agent. "full" renders every agent anew (the first scrape), "changed" a tenth of
them (a busy fleet between two scrapes), "still" none. Both texts are parsed back and compared.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.result import tell
from fleet.contract.vocabulary import Check, Kind, State
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.verdict import Verdict
from fleet.metrics.agent_families import FAMILIES, metric_family
from fleet.metrics.exposition import Exposition

NOW = 1_800_000_000.0
METRICS = ("memory_bytes", "cpu_seconds_total", "tokens_input_total")
ROUNDS = 3


def view(number: int) -> AgentView:
    """An agent with twelve series: nine of the hub's families and three metrics."""
    return AgentView(
        agent=f"agent-{number:06d}", state=Verdict.OK, age=1.0, last_seen=NOW - number % 600,
        since=NOW - 1000, says=State.RUNNING, ok=True, enrolled=True, kind=Kind.GENERIC,
        interval=600.0, uptime=86400.0 + number, skew=0.004, boot=1, seq=number, missing=0,
        config=None, versions={"agent": "1.2.3", "sidecar": "0.1.0"},
        planes={"process": PlaneView(Check.PASS, 1.0)},
        metrics={"memory_bytes": 1e8 + number % 900 * 1e6, "cpu_seconds_total": number * 0.5,
                 "tokens_input_total": number},
    )  # fmt: skip


class Gauges:
    """The same series by prometheus-client: a custom collector, its quickest way."""

    def __init__(self, views: list[AgentView]) -> None:
        self._views = views

    def collect(self) -> Iterator[Metric]:
        families = {family.name: family for family in FAMILIES}
        for name, labels, value in _plain(families):
            metric = GaugeMetricFamily(name, families[name].help, labels=labels)
            for one in self._views:
                for label_values, number in value(one):
                    metric.add_metric(label_values, number)
            yield metric
        for name in METRICS:
            family = metric_family(name)
            kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
            declared = kind(family.name, family.help, labels=("agent",))
            for one in self._views:
                declared.add_metric((one.agent,), one.metrics[name])
            yield declared


Series = Callable[[AgentView], list[tuple[tuple[str, ...], float]]]


def _plain(families: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Series]]:
    yield "fleet_agent_up", ("agent",), lambda v: [((v.agent,), 1)]
    yield "fleet_agent_state", ("agent", "state"), lambda v: [((v.agent, v.state.value), 1)]
    yield ("fleet_agent_heartbeat_age_seconds", ("agent",),
           lambda v: [((v.agent,), NOW - (v.last_seen or 0))])  # fmt: skip
    yield "fleet_agent_interval_seconds", ("agent",), lambda v: [((v.agent,), v.interval)]
    yield "fleet_agent_uptime_seconds", ("agent",), lambda v: [((v.agent,), v.uptime or 0)]
    yield "fleet_agent_clock_skew_seconds", ("agent",), lambda v: [((v.agent,), v.skew or 0)]
    yield "fleet_agent_missing_messages", ("agent",), lambda v: [((v.agent,), v.missing)]
    check = families["fleet_agent_check"].labels
    yield ("fleet_agent_check", check,
           lambda v: [((v.agent, p, c.check.value), 1) for p, c in v.planes.items()])  # fmt: skip
    info = families["fleet_agent_info"].labels
    yield ("fleet_agent_info", info,
           lambda v: [((v.agent, "generic", "1.2.3", "0.1.0", "unknown"), 1)])  # fmt: skip


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(agents: int) -> dict[str, Any]:
    """Best of three each, interleaved."""
    views = [view(number) for number in range(agents)]
    names = [one.agent for one in views]
    lookup = dict(zip(names, views, strict=True)).__getitem__
    registry = CollectorRegistry()
    registry.register(Gauges(views))  # type: ignore[arg-type]
    exposition = Exposition()

    def scrape(changed: list[str]) -> bytes:
        exposition.look_at(changed)
        exposition.refresh(lookup)
        page = BytesIO()
        exposition.write(page, NOW)
        return page.getvalue()

    scrape(names)
    ours, theirs = parsed(scrape([]).decode()), parsed(generate_latest(registry).decode())
    assert ours == theirs, "the two texts do not say the same"
    series = len(ours)
    del ours, theirs
    gc.collect()
    gc.freeze()
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, work in {
            "full": lambda: scrape(names),
            "changed": lambda: scrape(names[::10]),
            "still": lambda: scrape([]),
            "prometheus_client": lambda: generate_latest(registry),
        }.items():
            best[name] = min(best.get(name, float("inf")), timed(work))
    client = best["prometheus_client"]
    return {
        "agents": agents,
        "series": series,
        **{f"{name}_s": round(seconds, 4) for name, seconds in best.items()},
        **{
            f"{name}_times_faster": round(client / best[name], 1)
            for name in ("full", "changed", "still")
        },
    }


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000]
    tell({"rows": [measure(agents) for agents in sizes]})


if __name__ == "__main__":
    main()
