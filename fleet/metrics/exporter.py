"""What a scrape gets: the hub's own counters by prometheus-client, the agents' by `exposition`."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from fleet.commander.commander import Commander
from fleet.hub.feed import Item
from fleet.metrics.accept import prefers_openmetrics
from fleet.metrics.collector import Extra, HubCollector
from fleet.metrics.exposition import Exposition
from fleet.metrics.hub_families import LATENCY
from fleet.store.records import StoredEvent, StoredMessage

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

_END: Final = b"# EOF\n"

BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60)
"""Seconds of a command's round trip: a millisecond on a LAN, a minute for a busy agent."""


class Exporter:
    """A service that keeps the exposition current; `expose` is one scrape."""

    name = "exporter"

    def __init__(self, hub: Hub, commander: Commander, extras: Iterable[Extra] = ()) -> None:
        self._hub = hub
        self._exposition = Exposition()
        self._membership = -1
        self._unheard: set[str] = set()
        self._registry = CollectorRegistry()
        self._registry.register(HubCollector(hub, commander, self._exposition, extras))
        ProcessCollector(registry=self._registry)
        self._latency = Histogram(
            LATENCY.name, LATENCY.help, buckets=BUCKETS, registry=self._registry
        )
        commander.observe_latency(self._latency.observe)
        hub.on_step.append(lambda _step: self.look_again())

    async def run(self) -> None:
        subscription = self._hub.feed.subscribe()
        try:
            self._exposition.look_at(self._hub.roster.names())
            lost = 0
            async for items in subscription.batches():
                # An event may name somebody who was revoked, or whom nobody ever heard.
                self._exposition.look_at(filter(self._hub.roster.knows, map(_agent_of, items)))
                if subscription.lost > lost:  # whoever changed in what is missing looks unchanged
                    lost = subscription.lost
                    self._exposition.look_at(self._hub.roster.names())
        finally:
            subscription.close()

    def look_again(self) -> None:
        """Anybody may have changed."""
        self._exposition.look_at(self._hub.roster.names())

    def look_at(self, names: Iterable[str]) -> None:
        """These may have changed, and no stored message says so."""
        self._exposition.look_at(filter(self._hub.roster.knows, names))

    def expose(self, accept: str) -> tuple[bytes, str]:
        """(body, content type); OpenMetrics where the scraper asks for it."""
        openmetrics = prefers_openmetrics(accept)
        now = self._hub.committer.now()
        if self._membership != (membership := self._hub.roster.membership):
            self._exposition.align(self._hub.roster.names())  # costs as much as the scrape itself
            self._membership = membership
        self.look_at(self._hub.budget.over | self._hub.committer.taking_turns)
        unheard = self._hub.roster.unheard
        if unheard or self._unheard:  # no event tells of them
            self.look_at(unheard ^ self._unheard)
            self._unheard = set(unheard)
        self._exposition.refresh(lambda name: self._hub.roster.measured(name, now))
        page = BytesIO()  # which hands out what was written, where joined parts are there twice
        if openmetrics:
            own = generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]
            page.write(bytes(own).removesuffix(_END))
            self._exposition.write(page, now, openmetrics=True)
            page.write(_END)
            return page.getvalue(), OPENMETRICS
        page.write(generate_latest(self._registry))
        self._exposition.write(page, now)
        return page.getvalue(), CONTENT_TYPE_PLAIN_0_0_4


def _agent_of(item: Item) -> str:
    """Whose series it changes; empty: nobody's."""
    if isinstance(item, StoredMessage):
        return item.agent
    return item.event.agent if isinstance(item, StoredEvent) else ""
