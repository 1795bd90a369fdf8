"""A hub's notifier that is led step by step: its routes and its looks wait until they are let."""

from __future__ import annotations

import asyncio

from fleet.contract.vocabulary import Severity
from fleet.notifier.delivery import Delivery
from fleet.notifier.notification import Notification
from fleet.notifier.notifier import Notifier


class Gate:
    """Who waits here goes on one after the other, each when it is let."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Event] = []

    async def turn(self) -> None:
        mine = asyncio.Event()
        self._waiting.append(mine)
        await mine.wait()

    def let(self) -> None:
        if self._waiting:
            self._waiting.pop(0).set()

    def let_all(self) -> None:
        while self._waiting:
            self.let()

    def __len__(self) -> int:
        return len(self._waiting)


class SlowRoute(Delivery):
    """It waits before its disk has something, and after it; what it says again it says to nobody.

    Attributes:
        said_again: how bad each agent is by what is repeated.
    """

    gate: Gate
    said_again: dict[str, Severity]

    async def say_again(self, group: Notification) -> None:
        self.said_again.update((one.agent, one.severity) for one in group.members)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def _save(self) -> None:
        changes, state = self._changes, self._state()
        await self.gate.turn()
        self._write(changes, state)
        await self.gate.turn()


class LedNotifier(Notifier):
    """It looks at what nobody acknowledged when it is let."""

    looks: Gate

    async def repeat(self) -> dict[str, dict[str, Severity]]:
        """What an Alertmanager that is each route is told again in each minute."""
        repeated = {}
        for delivery in self._deliveries:
            assert isinstance(delivery, SlowRoute)
            delivery.said_again = repeated[delivery.route.name] = {}
            await self._say_again(delivery)
        return repeated

    async def _escalate(self, delivery: Delivery) -> None:
        while True:
            await self.looks.turn()
            await self._tell_overdue(delivery)
