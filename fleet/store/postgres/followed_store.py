"""The store of a hub that reads beside the one that leads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fleet.store.port import LeadershipLostError
from fleet.store.postgres.requests import Requests
from fleet.store.postgres.store import PostgresStore
from fleet.store.records import DiskUsage
from fleet.store.shared import RequestOutbox


class FollowedStore(PostgresStore):
    """Its questions are answered; it is never opened, and so takes nothing in."""

    _told: Mapping[str, int] = MappingProxyType({})

    def follow(self, text: Mapping[str, Any]) -> None:
        """Tell of itself what the hub that leads says."""
        self._told = text["disk"]
        self.dead_letters_dropped = text["dead_letters_dropped"]
        self.values_left_out = text["values_left_out"]

    def disk_usage(self) -> DiskUsage:
        return DiskUsage(dict(self._told), None)

    def outbox(self) -> RequestOutbox:
        """The way to the hub that leads there."""
        return Requests(self._database, _nobody_leads, lambda: None)


def _nobody_leads() -> str:
    raise LeadershipLostError("this hub does not lead there", "it reads")
