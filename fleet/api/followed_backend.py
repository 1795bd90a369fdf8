"""The hub as the HTTP interface sees it where it reads beside the one that leads: the same answers,
made of the store, and how old they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fleet.api.alert_list import Deliveries
from fleet.api.backend import JsonObject
from fleet.api.hub_backend import HubBackend
from fleet.capacity.watch import CapacityWatch
from fleet.commander.departures import Departures
from fleet.commander.enrolment_sync import EnrolmentSync
from fleet.commander.followed import FollowedCommander
from fleet.contract.timestamps import timestamp
from fleet.domain.capacity.fleet_use import Rules
from fleet.hub.follower import Follower
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.metrics.exporter import Exporter
from fleet.notifier.delivery_log import LogEntry, log_of
from fleet.notifier.kept_state import document_name
from fleet.notifier.notifier import Notifier

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

FRESH: Final = 30.0
"""Seconds after which a hub that reads says that it is not ready: nobody led for longer than a
take-over lasts, or its database is away."""


class FollowedBackend(HubBackend):
    """Implements `fleet.api.backend.Backend`. What changes something never comes here."""

    def __init__(
        self,
        hub: Hub,
        follower: Follower,
        commander: FollowedCommander,
        exporter: Exporter,
        maintenance: MaintenanceWindows,
    ) -> None:
        departures = Departures(hub, commander)
        enrolments = EnrolmentSync(hub, commander, departures)
        notifier, capacity = Notifier(hub, ()), CapacityWatch(hub, Rules())  # neither runs here
        super().__init__(
            hub, commander, exporter, departures, enrolments, notifier, maintenance, capacity
        )
        self.follower = follower

    async def run(self) -> None:
        await self.follower.begun.wait()  # then it has a time, from which events are numbered
        await super().run()

    def seen(self) -> JsonObject:
        """Of when and from whom what is shown is."""
        said = self.follower.said
        return {
            "role": "reader",
            "leader": (said.leader or None) if said else None,
            "as_of": timestamp(self.follower.time.at) if said else None,
            "as_of_age": round(self.follower.age, 1),
        }

    def ready(self) -> JsonObject:
        fresh = self.follower.said is not None and self.follower.age < FRESH
        return {"ready": fresh, **self.seen()}

    def routes(self) -> list[JsonObject]:
        return list(self.follower.text.get("routes", []))

    async def deliveries(self) -> Deliveries:
        """As the routes of the hub that leads keep them."""
        names = [route["name"] for route in self.routes()]
        return {name: await self.follower.kept(document_name(name), _log) for name in names}


def _log(text: str | None) -> list[LogEntry]:
    return log_of(json.loads(text)) if text else []
