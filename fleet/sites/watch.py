"""The alert `site-lost`: told once for a site, by the hub that leads at one of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set
from typing import TYPE_CHECKING, Final, Protocol

from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.alert import Alert
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.sites import SUBJECT, Sites

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 2.0
"""Seconds between looks."""

CODE: Final = HubAlertCode.SITE_LOST

_log = logging.getLogger(__name__)


class Judged(Protocol):
    """What is known of other sites.

    Attributes:
        has_looked: whether it is known which there are.
        lost: those whose loss is ours to tell.
        doubted: those of which nothing is heard, and that somebody else tells of, or nobody yet.
    """

    @property
    def has_looked(self) -> bool: ...

    @property
    def lost(self) -> Set[str]: ...

    @property
    def doubted(self) -> Set[str]: ...


class SiteWatch:
    """A service of the hub that leads."""

    name = "site-watch"

    def __init__(self, hub: Hub, judged: Judged) -> None:
        self._hub = hub
        self._judged = judged

    async def run(self) -> None:
        leadership = self._hub.store.leadership
        sites = leadership.sites if leadership else None
        while sites is not None:
            await asyncio.sleep(PAUSE)
            try:
                await self.look(sites)
            except LeadershipLostError:
                return  # whoever renews the lease says so
            except StoreError as error:
                _log.info("who tells of sites is not known: %s", error.what)

    async def look(self, sites: Sites) -> None:
        """Begin and end alerts. Who hears no agent itself is as likely to be the one that is cut
        off, and changes nothing; what it tells of a site stands until that is known to be back.

        Raises:
            StoreError: the store cannot be asked.
        """
        if not (self._judged.has_looked and self._hub.counters.link_up):
            return
        firing = {alert.agent.removeprefix(SUBJECT) for alert in self._firing()}
        lost = self._judged.lost | (self._judged.doubted & firing)
        await self._tell(await asyncio.to_thread(sites.tells_of, lost))

    def _firing(self) -> list[Alert]:
        return [a for a in self._hub.committer.book.firing() if a.code == CODE and a.firing]

    async def _tell(self, lost: Set[str]) -> None:
        committer = self._hub.committer
        now, severity = committer.now(), severity_of(CODE)
        subjects = {SUBJECT + name for name in lost}
        firing = {alert.agent for alert in self._firing()}
        events = [
            Event(Fact.ALERT_FIRING, one, now, CODE, severity) for one in sorted(subjects - firing)
        ]
        events += [Event(Fact.ALERT_RESOLVED, one, now, CODE) for one in sorted(firing - subjects)]
        if events:
            await committer.write(events)
