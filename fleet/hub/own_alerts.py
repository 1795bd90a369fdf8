"""What the hub says of itself: no link, deaf though it has one, or not alone on its broker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from fleet.bus.port import Bus
from fleet.contract.takeovers import LAST_RETURN
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.hub.committer import HUB, Committer

DEAF: Final = 120.0
"""Seconds for which the hub may not know who is silent, although nothing is wrong with its link."""

TWIN_HOLD: Final = 2 * LAST_RETURN
"""Seconds after the last sign of another hub until there is none: who gave way looks again within
half of it."""

_log = logging.getLogger(__name__)


class OwnAlerts:
    """Fires and ends them; each is told once, however often its cause shows."""

    def __init__(
        self, committer: Committer, bus: Bus, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._committer = committer
        self._bus = bus
        self._clock = clock
        self._deaf_since: float | None = clock()
        self._twin_seen = clock()
        self._gave_way = False

    def gives_way(self, detail: str) -> bool:
        """Whether the link was lost to another hub for good: said here, once."""
        if not self._bus.replaced:
            return False
        if not self._gave_way:
            self._gave_way = True
            _log.error("%s This hub gives way, and looks again every few minutes.", detail)
            _log.error("Try: end the other one, then start this one again")
        return True

    async def lost(self) -> None:
        """The link is down."""
        self.stops_hearing()
        codes = [HubAlertCode.BROKER_DOWN]
        if self._bus.contested or self._fires(HubAlertCode.CREDENTIAL_USED_TWICE):
            self._twin_seen = self._clock()
            codes.append(HubAlertCode.CREDENTIAL_USED_TWICE)
        await self._fire(codes)

    def stops_hearing(self) -> None:
        """From now on silence may be the hub's own."""
        if self._deaf_since is None:
            self._deaf_since = self._clock()

    @property
    def is_hearing(self) -> bool:
        """Whether silence is the agents' own, as far as this hub knows."""
        return self._deaf_since is None

    async def linked(self) -> None:
        """The link is up, and stayed so for a moment."""
        await self._end([HubAlertCode.BROKER_DOWN])

    async def hears(self) -> None:
        """Births and backlog are in: silence is the agents' again."""
        self._deaf_since = None
        await self._end([HubAlertCode.HUB_DEAF])

    async def look(self) -> None:
        """What time alone makes true."""
        now = self._clock()
        deaf = self._deaf_since is not None and now - self._deaf_since >= DEAF
        if deaf and not self._fires(HubAlertCode.BROKER_DOWN):
            await self._fire([HubAlertCode.HUB_DEAF])
        if self._gave_way and not self._bus.replaced:
            self._gave_way = False
            _log.warning("this hub has the broker to itself again")
        if now - self._twin_seen >= TWIN_HOLD and not self._bus.replaced:
            await self._end([HubAlertCode.CREDENTIAL_USED_TWICE])

    def _fires(self, code: HubAlertCode) -> bool:
        return self._committer.book.fires(HUB, code)

    async def _fire(self, codes: list[HubAlertCode]) -> None:
        now = self._committer.now()
        events = [
            Event(Fact.ALERT_FIRING, HUB, now, code, severity_of(code))
            for code in codes
            if not self._fires(code)
        ]
        if events:
            await self._committer.write(events)

    async def _end(self, codes: list[HubAlertCode]) -> None:
        now = self._committer.now()
        events = [Event(Fact.ALERT_RESOLVED, HUB, now, c) for c in codes if self._fires(c)]
        if events:
            await self._committer.write(events)
