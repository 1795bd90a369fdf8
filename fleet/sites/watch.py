"""The alert `site-lost`: told once for a site, by the hub that leads at one of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Set
from typing import TYPE_CHECKING, Final

from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.store.port import LeadershipLostError, StoreError
from fleet.store.sites import SUBJECT

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 2.0
"""Seconds between looks."""

CODE: Final = HubAlertCode.SITE_LOST

_log = logging.getLogger(__name__)


class SiteWatch:
    """A service of the hub that leads. `lost`: the sites of which nothing is known now."""

    name = "site-watch"

    def __init__(self, hub: Hub, lost: Callable[[], Set[str]]) -> None:
        self._hub = hub
        self._lost = lost

    async def run(self) -> None:
        leadership = self._hub.store.leadership
        sites = leadership.sites if leadership else None
        while sites is not None:
            await asyncio.sleep(PAUSE)
            # Who hears no agent itself is as likely to be the one that is cut off.
            lost = self._lost() if self._hub.counters.link_up else set[str]()
            try:
                told = await asyncio.to_thread(sites.tells_of, lost)
            except LeadershipLostError:
                return  # whoever renews the lease says so
            except StoreError as error:
                _log.info("who tells of sites is not known: %s", error.what)
                continue
            await self._tell(told)

    async def _tell(self, lost: Set[str]) -> None:
        committer = self._hub.committer
        now, severity = committer.now(), severity_of(CODE)
        subjects = {SUBJECT + name for name in lost}
        firing = {a.agent for a in committer.book.firing() if a.code == CODE and a.firing}
        events = [
            Event(Fact.ALERT_FIRING, one, now, CODE, severity) for one in sorted(subjects - firing)
        ]
        events += [Event(Fact.ALERT_RESOLVED, one, now, CODE) for one in sorted(firing - subjects)]
        if events:
            await committer.write(events)
