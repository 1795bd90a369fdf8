"""What a scrape gets: the hub's own counters by prometheus-client, the agents' by `exposition`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

import fleet
from fleet.commander.service import Commander
from fleet.exporter.exposition import Exposition
from fleet.feed import Item
from fleet.store.port import Stored, Told

if TYPE_CHECKING:
    from fleet.hub import Hub

BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60)
"""Seconds of a command's round trip: a millisecond on a LAN, a minute for a busy agent."""

Extra = Callable[[], Iterable[Metric]]


class Exporter:
    """A service that keeps the exposition current; `expose` is one scrape."""

    name = "exporter"

    def __init__(self, hub: Hub, commander: Commander, extras: Iterable[Extra] = ()) -> None:
        self._hub = hub
        self._commander = commander
        self._exposition = Exposition()
        self._registry = CollectorRegistry()
        self._registry.register(HubCollector(hub, commander, self._exposition, extras))
        self._latency = Histogram(
            "fleet_command_latency_seconds",
            "from sending a command to the arrival of its reply",
            buckets=BUCKETS,
            registry=self._registry,
        )

    async def run(self) -> None:
        subscription = self._hub.feed.subscribe()
        try:
            self._exposition.touch(self._hub.roster.names())
            async for item in subscription:
                self._take(item)
        finally:
            subscription.close()

    def expose(self, accept: str) -> tuple[bytes, str]:
        """(body, content type); OpenMetrics where the scraper asks for it."""
        openmetrics = "application/openmetrics-text" in accept
        for seconds in self._commander.take_latencies():
            self._latency.observe(seconds)
        now = self._hub.ledger.now()
        agents = self._exposition.render(
            lambda name: self._hub.roster.view(name, now), now, openmetrics=openmetrics
        ).encode()
        if openmetrics:
            own = bytes(
                generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]
            ).removesuffix(b"# EOF\n")
            return own + agents + b"# EOF\n", OPENMETRICS
        return generate_latest(self._registry) + agents, CONTENT_TYPE_PLAIN_0_0_4

    def _take(self, item: Item) -> None:
        if isinstance(item, Stored):
            if item.agent:
                self._exposition.touch([item.agent])
        elif isinstance(item, Told) and item.event.agent:
            self._exposition.touch([item.event.agent])


class HubCollector(Collector):
    """The hub's state as metric families, read when somebody scrapes."""

    def __init__(
        self, hub: Hub, commander: Commander, exposition: Exposition, extras: Iterable[Extra]
    ) -> None:
        self._hub = hub
        self._commander = commander
        self._exposition = exposition
        self._extras = tuple(extras)

    def collect(self) -> Iterable[Metric]:
        yield from self._traffic()
        yield from self._fleet()
        yield from self._store()
        for extra in self._extras:
            yield from extra()
        yield InfoMetricFamily(
            "fleet_build",
            "version of the hub",
            value={"version": fleet.__version__, "python": platform.python_version()},
        )

    def _traffic(self) -> Iterable[Metric]:
        counters = self._hub.counters
        yield labelled(
            CounterMetricFamily(
                "fleet_bus_messages", "messages received, repetitions included", labels=["kind"]
            ),
            counters.received,
        )
        yield labelled(
            CounterMetricFamily(
                "fleet_bus_rejects", "messages the contract rejected", labels=["reason"]
            ),
            counters.rejected,
        )
        yield labelled(
            CounterMetricFamily("fleet_facts", "what the truth rules told", labels=["fact"]),
            {str(fact): count for fact, count in counters.facts.items()},
        )
        yield counter("fleet_missing_messages", "that gaps showed to be missing", counters.missing)
        yield counter("fleet_receipts", "receipts sent to sidecars", counters.receipts)
        yield counter("fleet_link_losses", "times the broker was lost", counters.link_losses)
        yield gauge("fleet_link_up", "1 while linked to the broker", float(counters.link_up))
        yield counter("fleet_feed_dropped", "events slow services missed", counters.feed_dropped)
        if counters.broker_dropped is not None:
            yield counter(
                "fleet_broker_dropped_messages", "the broker's own count", counters.broker_dropped
            )

    def _fleet(self) -> Iterable[Metric]:
        roster = self._hub.roster
        yield labelled(
            GaugeMetricFamily("fleet_agents", "agents by the hub's verdict", labels=["state"]),
            {verdict.value: count for verdict, count in roster.counts().items()},
        )
        firing = GaugeMetricFamily(
            "fleet_alert_firing",
            "1 for each alert that fires",
            labels=["agent", "code", "severity"],
        )
        for alert in self._hub.ledger.book.firing():
            firing.add_metric([alert.agent or "hub", alert.code, alert.severity.value], 1)
        yield firing
        ended = CounterMetricFamily(
            "fleet_commands", "commands that ended", labels=["verb", "outcome"]
        )
        for (verb, outcome), count in self._commander.outcomes.items():
            ended.add_metric([verb, outcome], count)
        yield ended
        yield gauge("fleet_commands_open", "commands without an end yet", len(self._commander))
        yield counter(
            "fleet_metric_names_refused",
            "agents' metrics left out: too many names",
            self._exposition.metric_names_refused,
        )

    def _store(self) -> Iterable[Metric]:
        counters = self._hub.counters
        yield counter("fleet_stored_messages", "messages committed", counters.stored)
        yield counter("fleet_commits", "batches committed", counters.commits)
        yield counter("fleet_commit_seconds", "time spent in commits", counters.commit_seconds)
        yield counter("fleet_commit_failures", "commits that failed", counters.commit_failures)
        yield gauge("fleet_intake_paused", "1 while the disk is full", float(counters.paused))
        yield counter("fleet_liveness_ticks", "looks at time", counters.ticks)
        yield counter("fleet_liveness_seconds", "time spent in them", counters.tick_seconds)


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def labelled(
    family: CounterMetricFamily | GaugeMetricFamily, values: dict[str, float] | dict[str, int]
) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
