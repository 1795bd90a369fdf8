"""The alerts that a link of a notification is about, in a running hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from fleet.api.backend import JsonObject
from fleet.domain.alert import Alert
from fleet.notifier.ack_links import AckLinks

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

BY: Final = "link"
"""Who acknowledged, where it was whoever was told."""


class LinkedAlerts:
    """Reads links, and does what they are for."""

    def __init__(self, hub: Hub) -> None:
        self._committer = hub.committer
        self._links = AckLinks.of(hub.settings.tables, hub.settings.home)

    def of(self, token: str) -> list[JsonObject] | None:
        """Those that still stand; None: the link is none of ours, or too old."""
        found = self._found(token)
        return None if found is None else [alert.as_dict() for alert in found]

    async def acknowledge(self, token: str) -> list[JsonObject] | None:
        """Acknowledge them; as `of`."""
        for alert in self._found(token) or ():
            if not alert.acknowledged_by:
                await self._committer.acknowledge(alert.agent, alert.code, BY)
        await self._committer.write()
        return self.of(token)

    def _found(self, token: str) -> list[Alert] | None:
        now = self._committer.now()
        what = self._links.read(token, now) if self._links else None
        if what is None:
            return None

        def known() -> Iterator[Alert]:
            for agent in what.agents:
                alert = self._committer.book.firing_of(agent).get(what.code)
                # What began after the link was made is not what somebody was told of.
                if alert is not None and alert.told_since < what.at + 1:
                    yield alert

        return list(known())
