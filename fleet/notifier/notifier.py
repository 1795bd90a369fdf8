"""The hub's notifier: takes what is to be told from the feed, and gives it to every route."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import Metric

from fleet.contract.vocabulary import AlertState
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.escalation import as_overdue, grouped, is_overdue
from fleet.metrics import hub_families
from fleet.metrics.collector import labelled
from fleet.notifier.delivery import Delivery, Send
from fleet.notifier.delivery_log import LogEntry
from fleet.notifier.kept_state import InStore
from fleet.notifier.notification import Notification
from fleet.notifier.recipients import episode_of, part_for
from fleet.notifier.routes import Channel, Route
from fleet.notifier.senders import EXPIRES_AFTER, send

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

FOLDER: Final = "routes"
LOOK: Final = 1.0
"""Seconds between looks at what nobody acknowledged; whole minutes are what people set."""

REPEAT: Final = EXPIRES_AFTER / 5
"""Seconds between repetitions of what fires: Alertmanager takes silence for the end."""


class Notifier:
    """A service of the hub."""

    name = "notifier"

    def __init__(self, hub: Hub, routes: Sequence[Route], attempt: Send = send) -> None:
        self._hub = hub
        folder = hub.settings.home / FOLDER
        leadership = hub.store.leadership
        self._deliveries = [
            Delivery(
                route,
                folder,
                attempt,
                InStore(leadership.documents, route.name) if leadership else None,
                hub.roster.knows,
            )
            for route in routes
        ]
        self._given: dict[str, set[tuple[str, str, int]]] = {route.name: set() for route in routes}
        self._turns = {route.name: asyncio.Lock() for route in routes}
        """Of routes that choose: no end overtakes a beginning that waits for its note."""
        # From the start, and to nothing else: no burst of other items may push an alert out.
        self._subscription = hub.feed.subscribe(wanted=lambda item: isinstance(item, AlertGroup))
        hub.due_alerts.has_routes = bool(routes)

    async def run(self) -> None:
        try:
            for delivery in self._deliveries:
                if self._hub.store.leadership is None:
                    delivery.restore()
                    continue
                restored = partial(asyncio.to_thread, delivery.restore)
                await self._hub.committer.patience.until_taken(restored)
            async with asyncio.TaskGroup() as group:
                for delivery in self._deliveries:
                    group.create_task(delivery.run(), name=f"route-{delivery.route.name}")
                    if delivery.route.channel is Channel.ALERTMANAGER:
                        group.create_task(self._repeat(delivery), name="route-repeat")
                    if delivery.route.after:
                        group.create_task(self._escalate(delivery), name="route-escalation")
                async for items in self._subscription.batches():
                    due = [item for item in items if isinstance(item, AlertGroup)]
                    await asyncio.gather(*(self._tell(one, due) for one in self._deliveries))
                    for one in due:
                        self._hub.due_alerts.told(one)
        finally:
            self._subscription.close()

    async def _tell(self, delivery: Delivery, due: Sequence[AlertGroup]) -> None:
        """Give a route what it is told of some groups; on disk when this returns."""
        if delivery.route.chooses:
            await self._give(delivery, lambda: self._parts_for(delivery.route, due))
        else:
            await delivery.enqueue(*(Notification.of(g, self._hub.roster.failing) for g in due))

    def _parts_for(self, route: Route, due: Iterable[AlertGroup]) -> list[AlertGroup]:
        """What a route that is not told of everything is told of some groups."""
        given, now, parts = self._given[route.name], self._hub.committer.now(), list[AlertGroup]()
        for group in due:
            part = part_for(route, group, now, given)
            if group.state is not AlertState.FIRING:
                given.difference_update(map(episode_of, group.alerts))
                parts += [part] if part else []
            elif part is not None and route.wants(part.severity):
                given.update(map(episode_of, part.alerts))
                parts.append(part)
        return parts

    async def _give(self, delivery: Delivery, choose: Callable[[], list[AlertGroup]]) -> None:
        """As above to a route that is not told of everything: what it knows is kept with the alert,
        and before the route has it, that it may; one note for all that is given at once. The end
        may come before all of it is on disk."""
        hub, name = self._hub, delivery.route.name
        async with self._turns[name]:
            groups = choose()
            begins = [a for one in groups if one.state is AlertState.FIRING for a in one.alerts]
            if begins:
                self._note(begins, name, is_told=False)
                await hub.due_alerts.noted()
        if not groups:
            return
        # In the same breath: whose turn comes next is queued behind it.
        await delivery.enqueue(*(Notification.of(group, hub.roster.failing) for group in groups))
        if begins:
            self._note(begins, name, is_told=True)
            hub.due_alerts.keep()

    def _note(self, alerts: Iterable[Alert], route: str, *, is_told: bool) -> None:
        for alert in alerts:
            self._hub.committer.book.give(alert, route, is_told=is_told)

    async def _escalate(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self._tell_overdue(delivery)

    async def _tell_overdue(self, delivery: Delivery) -> None:
        """Tell a further route what nobody acknowledged."""
        if delivery.route.is_on_duty(self._hub.committer.now()):
            await self._give(delivery, lambda: self._overdue_for(delivery.route))

    def _overdue_for(self, route: Route) -> list[AlertGroup]:
        book, now = self._hub.committer.book, self._hub.committer.now()
        overdue = [
            as_overdue(alert, now)
            for alert in book.firing()
            if is_overdue(alert, route.name, route.after, route.severity, now)
            and not book.is_held(alert)
            and not book.is_behind(alert)
        ]
        self._given[route.name].update(map(episode_of, overdue))
        return grouped(overdue)

    def metrics(self) -> Iterable[Metric]:
        """What the exporter shows: a route that fails is itself visible."""
        for family, value in (
            (hub_families.ROUTE_UP, lambda d: int(d.working)),
            (hub_families.ROUTE_SENT, lambda d: d.sent),
            (hub_families.ROUTE_FAILURES, lambda d: d.failures),
            (hub_families.ROUTE_DROPPED, lambda d: d.dropped),
            (hub_families.ROUTE_WAITING, len),
            (hub_families.ROUTE_PAUSED, lambda d: int(d.paused)),
            (hub_families.ROUTE_REFUSED, lambda d: d.refused),
            (hub_families.ROUTE_SET_ASIDE, lambda d: len(d.set_aside)),
        ):
            yield labelled(family, {(d.route.name,): value(d) for d in self._deliveries})

    def routes(self) -> list[dict[str, Any]]:
        """Every route, what waits for it, and what its receiver would not take."""
        return [delivery.as_dict() for delivery in self._deliveries]

    def deliveries(self) -> dict[str, list[LogEntry]]:
        """What became of each alert, by route."""
        return {delivery.route.name: list(delivery.log) for delivery in self._deliveries}

    async def retry(self, route: str | None) -> int:
        """Try again what `route`, or each (None), would not take; how many messages that are.

        Raises:
            KeyError: there is no such route.
        """
        chosen = [one for one in self._deliveries if route in (None, one.route.name)]
        if route is not None and not chosen:
            raise KeyError(route)
        return sum([await delivery.retry() for delivery in chosen])

    async def _repeat(self, delivery: Delivery) -> None:
        """Say again what fires and was told; nothing is queued, the next round says it anew. The
        watchdog is said from the start."""
        always = self._hub.settings.tables.get("alerts", {}).get("watchdog", False)
        watchdog = Notification.watchdog(self._hub.committer.now()) if always else None
        while True:
            if watchdog:
                await delivery.say_again(watchdog)
            await asyncio.sleep(REPEAT)
            await self._say_again(delivery)

    async def _say_again(self, delivery: Delivery) -> None:
        """As bad as operators were told it is: what is milder by now would be another alert at
        Alertmanager, which the end of this one does not end."""
        book, route = self._hub.committer.book, delivery.route
        loud = [
            replace(alert, severity=alert.notified_severity or alert.severity)
            for alert in book.firing()
            if alert.notified is AlertState.FIRING
            and not book.is_held(alert)
            and (not route.chooses or route.name in alert.routes)
        ]
        for group in grouped(loud):
            told = delivery.told_of(Notification.of(group, self._hub.roster.failing))
            if told is not None:
                await delivery.say_again(told)
