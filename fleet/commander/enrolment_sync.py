"""Keeps the roster's list of members the same as the registry's, also while the hub runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fleet.commander.commander import Commander
from fleet.contract.errors import ConfigError
from fleet.provisioning.registry import Enrolled, Registry

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 0.5
"""Seconds between looks at the file: a revoked agent's commands are to be gone within one."""

_log = logging.getLogger(__name__)


class EnrolmentSync:
    """A service of the hub."""

    name = "enrolments"

    def __init__(self, hub: Hub, commander: Commander) -> None:
        self._hub = hub
        self._commander = commander
        self._registry = Registry(hub.settings.home)
        self._version = -1
        self._members: frozenset[str] = frozenset()

    async def run(self) -> None:
        while True:
            version = self._registry.version()
            if version != self._version:
                try:
                    await self._take(self._registry.agents())
                except ConfigError as error:
                    # The list that was read last stays in force: a damaged file opens nothing.
                    _log.error("the list of agents is not usable: %s", error.what)
                self._version = version
            await asyncio.sleep(PAUSE)

    async def _take(self, agents: dict[str, Enrolled] | None) -> None:
        hub = self._hub
        members = None if agents is None else {n: a.as_member() for n, a in agents.items()}
        await hub.committer.write(hub.roster.enrol(members, at=hub.committer.now()))
        gone = self._members - frozenset(members or ()) if members is not None else frozenset()
        for name in gone:
            await self._commander.cancel(name)
            hub.roster.forget(name)
            hub.committer.book.forget(name)
            await hub.committer.write()
        self._members = frozenset(members or ())
