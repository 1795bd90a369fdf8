"""The hub's own families, read from its state when somebody scrapes."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import fleet
from fleet.commander.commander import Commander
from fleet.contract.vocabulary import MessageKind, Reason, Verb
from fleet.domain.commands import OPEN, CommandState
from fleet.domain.events import Fact
from fleet.domain.problems import FLAPPING
from fleet.metrics import hub_families
from fleet.metrics.agent_families import Family
from fleet.metrics.exposition import Exposition

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

Extra = Callable[[], Iterable[Metric]]
"""Another service's hub_families."""

_ENDS: Final = frozenset(CommandState) - OPEN


class HubCollector(Collector):
    """Every family of `HUB_FAMILIES` but the histogram, which keeps itself.

    Counters with a label from a closed vocabulary start with each word at 0: a rate over the
    first rejection is then not nothing.
    """

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
        yield from self._broker()
        for extra in self._extras:
            yield from extra()
        build = (fleet.__version__, platform.python_version())
        yield labelled(hub_families.BUILD, {build: 1})

    def _traffic(self) -> Iterable[Metric]:
        counters = self._hub.counters
        yield words(hub_families.MESSAGES, MessageKind, counters.received)
        yield words(hub_families.REJECTS, Reason, counters.rejected)
        yield single(hub_families.DEAD_LETTERS_DROPPED, self._hub.store.dead_letters_dropped)
        yield words(hub_families.FACTS, Fact, counters.facts)
        yield single(hub_families.LOST, counters.missing)
        yield single(hub_families.REPEATED, counters.repeated)
        yield single(hub_families.LEFT_OUT, counters.left_out)
        yield single(hub_families.VALUES_LEFT_OUT, self._hub.store.values_left_out)
        yield single(hub_families.RECEIPTS, counters.receipts)
        yield single(hub_families.RECEIPTS_FAILED, counters.receipts_failed)
        yield single(hub_families.LINK_UP, counters.link_up)
        here = self._hub.bus.broker.place
        every = [one.place for one in self._hub.settings.brokers.every]
        yield labelled(hub_families.BROKER_IN_USE, {(one,): one == here for one in every})
        yield labelled(hub_families.BRIDGE_UP, {(n,): up for n, up in counters.bridges.items()})
        yield single(hub_families.LINK_LOSSES, counters.link_losses)
        yield single(hub_families.UNASKED, self._hub.bus.unasked)
        yield single(hub_families.OVERFLOWED, self._hub.bus.overflowed)
        yield single(hub_families.FEED_DROPPED, counters.feed_dropped)
        yield single(hub_families.FEED_QUEUE, self._hub.feed.backlog)

    def _fleet(self) -> Iterable[Metric]:
        book = self._hub.committer.book
        counts = self._hub.roster.counts()
        yield labelled(hub_families.AGENTS, {(v.value,): n for v, n in counts.items()})
        yield labelled(
            hub_families.FIRING,
            {(a.agent or "hub", a.code, a.severity.value): 1 for a in book.firing()},
        )
        wrong = self._hub.read_model.problems(self._hub.committer.now())
        yield labelled(
            hub_families.PROBLEM,
            {
                (p.agent, p.code, p.severity.value, p.held, FLAPPING if p.flapping else ""): 1
                for p in wrong
            },
        )
        yield single(hub_families.SILENCES, len(book.silences))
        outcomes = self._commander.outcomes
        pairs = outcomes.keys() | {(verb.value, end.value) for verb in Verb for end in _ENDS}
        yield labelled(
            hub_families.COMMANDS, {pair: outcomes.get(pair, 0) for pair in sorted(pairs)}
        )
        yield single(hub_families.COMMANDS_OPEN, len(self._commander))
        yield single(hub_families.NAMES_REFUSED, self._exposition.metric_names_refused)

    def _store(self) -> Iterable[Metric]:
        counters = self._hub.counters
        yield single(hub_families.STORED, counters.stored)
        yield single(hub_families.COMMITS, counters.commits)
        yield single(hub_families.COMMIT_SECONDS, counters.commit_seconds)
        yield single(hub_families.COMMIT_FAILURES, counters.commit_failures)
        yield single(hub_families.PAUSED, counters.paused)
        usage = self._hub.store.disk_usage()
        yield labelled(hub_families.STORE_BYTES, {(name,): n for name, n in usage.files.items()})
        if usage.free is not None:
            yield single(hub_families.STORE_FREE, usage.free)
        if usage.size is not None:
            yield single(hub_families.STORE_SIZE, usage.size)
        yield single(hub_families.TICKS, counters.ticks)
        yield single(hub_families.TICK_SECONDS, counters.tick_seconds)
        if self._hub.started_at is not None:
            yield single(hub_families.STARTED, self._hub.started_at)

    def _broker(self) -> Iterable[Metric]:
        told = self._hub.counters.broker
        for topic, family in hub_families.BROKER.items():
            if topic in told:  # it may tell more than was asked for, and less
                yield single(family, told[topic])


def single(family: Family, value: float) -> Metric:
    """A family with one series."""
    return labelled(family, {(): value})


def words(family: Family, vocabulary: Iterable[str], counts: Mapping[str, int]) -> Metric:
    """A family with one label, whose every word is there from the start."""
    known = {str(word): 0 for word in vocabulary}
    known |= {str(word): count for word, count in counts.items()}
    return labelled(family, {(word,): count for word, count in known.items()})


def labelled(family: Family, values: Mapping[tuple[str, ...], float]) -> Metric:
    """A family with a series for each tuple of label values."""
    kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
    metric: CounterMetricFamily | GaugeMetricFamily = kind(
        family.name, family.help, labels=family.labels
    )
    for label_values, value in values.items():
        metric.add_metric(label_values, value)
    return metric
