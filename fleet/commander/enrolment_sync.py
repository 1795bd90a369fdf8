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
                    await self._follow(self._registry.everyone())
                except ConfigError as error:
                    # The list that was read last stays in force: a damaged file opens nothing.
                    _log.error("the list of agents is not usable: %s", error.what)
                self._version = version
            await asyncio.sleep(PAUSE)

    async def _follow(self, everyone: dict[str, Enrolled] | None) -> None:
        """Who left is forgotten before anybody is judged: a stranger it is not."""
        hub = self._hub
        agents = None if everyone is None else {
            name: one for name, one in everyone.items() if one.revoked_at is None
        }  # fmt: skip
        left = set((everyone or {}).keys() - (agents or {}).keys())
        if agents is not None:
            left |= self._members - agents.keys()
        for name in left:
            if name in hub.roster or hub.committer.book.firing_of(name) or name in self._members:
                await self._commander.cancel(name)
                hub.committer.forget(name)
        members = None if agents is None else {n: a.as_member() for n, a in agents.items()}
        await hub.committer.write(hub.roster.enrol(members, at=hub.committer.now()))
        self._members = frozenset(members or ())
