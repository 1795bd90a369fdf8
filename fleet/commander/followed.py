"""Commands as a hub sees them that reads beside the one that leads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fleet.commander.commander import RETENTION, Commander
from fleet.domain.commands import IssuedCommand
from fleet.store.port import StoreError

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

NEWEST: Final = 2_000
"""Commands that are looked at when something has changed."""


class FollowedCommander(Commander):
    """Issues none: it tells of those that the other one has stored."""

    name = "followed-commands"

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._open, self._version = 0, -1
        self._changed = asyncio.Event()
        self._known: dict[str, IssuedCommand] = {}

    def follow(self, text: dict[str, Any]) -> None:
        """Take what the hub that leads says of them."""
        self._open = text["commands_open"]
        self.outcomes = {(verb, end): count for verb, end, count in text["outcomes"]}
        if text["commands"] != self._version:
            self._version = text["commands"]
            self._changed.set()

    def __len__(self) -> int:
        return self._open

    async def run(self) -> None:
        """Tell of each that changes from now on."""
        first = True
        while True:
            await self._changed.wait()
            self._changed.clear()
            since = self._hub.committer.now() - RETENTION
            try:
                found = await self._hub.store.commands(agent=None, since=since, limit=NEWEST)
            except StoreError:  # who follows the store says so
                continue
            changed = [one for one in found if self._known.get(one.id) != one]
            self._known = {one.id: one for one in found}
            for observer in self._kept.observers if changed and not first else ():
                observer(changed)
            first = False


class ToldCommands:
    """What the hub that leads says of its commands to those that read."""

    def __init__(self, commander: Commander) -> None:
        self._commander = commander
        self._version = 0
        commander.observe(self._count)

    def as_dict(self) -> dict[str, Any]:
        outcomes = self._commander.outcomes.items()
        return {
            "commands": self._version,
            "commands_open": len(self._commander),
            "outcomes": [[verb, end, count] for (verb, end), count in outcomes],
        }

    def _count(self, _: list[IssuedCommand]) -> None:
        self._version += 1
