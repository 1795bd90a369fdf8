"""Keeps the roster's list of members the same as the registry's, also while the hub runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fleet.commander.commander import Commander
from fleet.commander.departures import Departures
from fleet.contract.errors import ConfigError
from fleet.domain.events import Event, Fact
from fleet.provisioning.registry import Enrolled, Registry

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 0.5
"""Seconds between looks at the file: a revoked agent's commands are to be gone within one."""

_log = logging.getLogger(__name__)


class EnrolmentSync:
    """A service of the hub. `begin` is called before the first message is judged."""

    name = "enrolments"

    def __init__(self, hub: Hub, commander: Commander, departures: Departures) -> None:
        self._hub = hub
        self._commander = commander
        self._departures = departures
        self._registry = Registry(hub.settings.home)
        self._version = -1
        self._turn = asyncio.Lock()
        self._members: frozenset[str] = frozenset()
        self._revoked: dict[str, float] = {}
        """Who was revoked, and when, as far as the hub has forgotten them."""

    def begin(self) -> None:
        """Know the list before anything is heard: by none at all a ghost would be none, and its
        alert end and begin again. Whoever was heard since it was revoked is a ghost, and that is
        news: it stays one. All others that were revoked while no hub served are still to be
        forgotten, and are no strangers until then; nor are those that have another name by now."""
        try:
            everyone = self._registry.everyone()
        except ConfigError:
            return  # `run` says so
        now, roster = self._hub.committer.now(), self._hub.roster
        for name, revoked_at in _revoked(everyone or {}).items():
            heard_at = roster.view(name, now).last_seen
            if heard_at is not None and heard_at > revoked_at:
                self._revoked[name] = revoked_at
        if everyone is not None:
            listed = {n: one for n, one in everyone.items() if n not in self._revoked}
            for name in self._departures.leaving():
                listed.setdefault(name, Enrolled(name))
            roster.know_list({name: one.as_member() for name, one in listed.items()})

    async def run(self) -> None:
        while True:
            await self._departures.catch_up()
            await self.look()
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Follow the list now, if it has changed."""
        async with self._turn:
            version = self._registry.version()
            if version == self._version:
                return
            try:
                await self._follow(self._registry.everyone())
            except ConfigError as error:
                # The list that was read last stays in force: a damaged file opens nothing.
                _log.error("the list of agents is not usable: %s", error.what)
            self._version = version

    async def _follow(self, everyone: dict[str, Enrolled] | None) -> None:
        """Who left is forgotten before anybody is judged: a stranger it is not."""
        hub = self._hub
        agents = None if everyone is None else {
            name: one for name, one in everyone.items() if one.revoked_at is None
        }  # fmt: skip
        revoked = _revoked(everyone or {})
        left = {name for name, at in revoked.items() if self._revoked.get(name) != at}
        if agents is not None:
            left |= self._members - agents.keys()
        left = {name for name in left if self._is_known(name)}
        for name in left:
            alive = self._departures.is_alive(name)
            commands = await self._commander.cancel(name)
            self._departures.is_gone(name, commands, hub.committer.forget(name), alive=alive)
        members = None if agents is None else {n: a.as_member() for n, a in agents.items()}
        now = hub.committer.now()
        events = hub.roster.enrol(members, at=now)
        events += [Event(Fact.FORGOTTEN, name, now) for name in sorted(left)]
        await hub.committer.write(events, save_all=bool(left))
        self._members = frozenset(members or ())
        self._revoked = revoked

    def _is_known(self, name: str) -> bool:
        hub = self._hub
        fires = bool(hub.committer.book.firing_of(name))
        return name in hub.roster or fires or name in self._members


def _revoked(everyone: dict[str, Enrolled]) -> dict[str, float]:
    return {n: one.revoked_at for n, one in everyone.items() if one.revoked_at is not None}
