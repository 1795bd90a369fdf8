"""Who is heard hears of it: an agent's last receipt goes to it again, also where it had no news.

So a sidecar knows within some minutes that its hub hears nothing of it any more (ADR-0038).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

EVERY: Final = 60
"""Seconds between two for one agent, at least: the sidecar waits for three of them, or for three of
its intervals where those are longer."""

NEWCOMERS: Final = 10
"""Looks until those that came meanwhile have their turn, too: to sort 100,000 takes 50 ms, and in
its first minute a hub hears of new ones all the time."""

TICK: Final = 1.0
"""Seconds between looks: at each a sixtieth of the fleet has its turn, which costs no burst."""


class RepeatedReceipts:
    """A service of the hub."""

    name = "repeated receipts"

    def __init__(self, hub: Hub, tick: float = TICK) -> None:
        self._hub, self._tick = hub, tick
        self._answered: dict[str, tuple[int, int]] = {}
        self._membership = -1
        self._turns: list[list[str]] = []

    async def run(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(self._tick)
            turn = (turn + 1) % EVERY
            self.look(turn)

    def look(self, turn: int) -> None:
        """Repeat to those whose turn it is and of whom something came since theirs before. A hub
        that takes nothing in, or may be deaf, hears nothing new; so it says nothing either."""
        roster = self._hub.roster
        if self._membership != roster.membership and (not self._turns or turn % NEWCOMERS == 0):
            self._membership, self._turns = roster.membership, _turns(roster.names())
        for agent in self._turns[turn]:
            newest = roster.newest(agent)
            if newest is None or self._answered.get(agent) == newest:
                continue
            if self._hub.receipts.repeat(agent, newest[0]):
                self._answered[agent] = newest
        if turn == 0:
            names = roster.names()
            self._hub.receipts.forget(names)
            self._answered = {a: n for a, n in self._answered.items() if a in names}


def _turns(names: Iterable[str]) -> list[list[str]]:
    """Whose turn is when: by name, so that it stays the same whoever else comes and goes."""
    turns: list[list[str]] = [[] for _ in range(EVERY)]
    for agent in names:
        turns[zlib.crc32(agent.encode()) % EVERY].append(agent)
    return turns
