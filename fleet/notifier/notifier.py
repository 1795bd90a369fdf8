"""The hub's notifier: takes what is to be told from the feed, and gives it to every route."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric

from fleet.contract.vocabulary import AlertState
from fleet.domain.alerts import Alert, AlertGroup
from fleet.metrics import hub_families
from fleet.metrics.collector import labelled
from fleet.notifier.delivery import Delivery, Send
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Channel, Route
from fleet.notifier.senders import EXPIRES_AFTER, send

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

FOLDER: Final = "routes"
REPEAT: Final = EXPIRES_AFTER / 5
"""Seconds between repetitions of what fires: Alertmanager takes silence for the end."""


class Notifier:
    """A service of the hub."""

    name = "notifier"

    def __init__(self, hub: Hub, routes: Sequence[Route], attempt: Send = send) -> None:
        self._hub = hub
        folder = hub.settings.home / FOLDER
        self._deliveries = [Delivery(route, folder, attempt) for route in routes]
        # From the start, and to nothing else: no burst of other items may push an alert out.
        self._subscription = hub.feed.subscribe(wanted=lambda item: isinstance(item, AlertGroup))

    async def run(self) -> None:
        try:
            for delivery in self._deliveries:
                delivery.restore()
            async with asyncio.TaskGroup() as group:
                for delivery in self._deliveries:
                    group.create_task(delivery.run(), name=f"route-{delivery.route.name}")
                    if delivery.route.channel is Channel.ALERTMANAGER:
                        group.create_task(self._repeat(delivery), name="route-repeat")
                async for item in self._subscription:
                    if isinstance(item, AlertGroup):
                        notification = Notification.of(item)
                        await asyncio.gather(
                            *(one.enqueue(notification) for one in self._deliveries)
                        )
        finally:
            self._subscription.close()

    def metrics(self) -> Iterable[Metric]:
        """What the exporter shows: a route that fails is itself visible."""
        for family, value in (
            (hub_families.ROUTE_UP, lambda d: int(d.working)),
            (hub_families.ROUTE_SENT, lambda d: d.sent),
            (hub_families.ROUTE_FAILURES, lambda d: d.failures),
            (hub_families.ROUTE_DROPPED, lambda d: d.dropped),
            (hub_families.ROUTE_WAITING, len),
        ):
            yield labelled(family, {(d.route.name,): value(d) for d in self._deliveries})

    async def _repeat(self, delivery: Delivery) -> None:
        """Say again what fires and was told; nothing is queued, the next round says it anew."""
        while True:
            await asyncio.sleep(REPEAT)
            for group in _notified(self._hub.committer.book.firing()):
                if delivery.route.wants(group.severity) and not len(delivery):
                    await delivery.attempt_once(group)


def _notified(firing: Iterable[Alert]) -> list[Notification]:
    """The firing alerts that operators know of, by code."""
    codes: dict[str, list[Alert]] = {}
    for alert in firing:
        if alert.notified is AlertState.FIRING:
            codes.setdefault(alert.code, []).append(alert)
    return [
        Notification.of(AlertGroup(code, AlertState.FIRING, alerts[0].severity, tuple(alerts)))
        for code, alerts in codes.items()
    ]
