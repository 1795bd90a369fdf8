"""A name is one agent's over all sites: the hub that leads at a site keeps those of its agents."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fleet.contract.errors import ConfigError
from fleet.provisioning.registry import Registry
from fleet.store.port import LeadershipLostError, StoreError

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 5.0
"""Seconds between looks: how long the name of an agent that left is not free yet, at least."""

_log = logging.getLogger(__name__)


class SiteNames:
    """A service of the hub.

    Attributes:
        twice: names that agents here have and that another site had first, with that site.
    """

    name = "site-names"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._registry = Registry(hub.settings.home)
        self.twice: dict[str, str] = {}

    async def run(self) -> None:
        leadership = self._hub.store.leadership
        sites = leadership.sites if leadership else None
        while sites is not None:
            try:
                twice = await asyncio.to_thread(sites.keep, await self._agents())
            except LeadershipLostError:
                return  # whoever renews the lease says so
            except (ConfigError, StoreError) as error:
                _log.info("the names of this site are not kept: %s", error.what)
            else:
                for name in sorted(twice.keys() - self.twice.keys()):
                    _log.error("%s is an agent of the site %s, too", name, twice[name])
                    _log.error("Try: fleet agent rename %s ANOTHER, here or there", name)
                self.twice = twice
            await asyncio.sleep(PAUSE)

    async def _agents(self) -> set[str]:
        """Who is enrolled; where nobody keeps a list, who was heard."""
        listed = await asyncio.to_thread(self._registry.agents)
        return self._hub.roster.names() if listed is None else set(listed)
