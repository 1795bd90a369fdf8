"""Whom to tell that there is work: a wake-up, which may be lost; the row never is."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.task import Task
from fleet.work.members import Members

OnOffer = Callable[[Task, Sequence[str]], None]
"""Told of a task that may be claimed, and of the agents that may. It must not wait."""

AT_ONCE: Final = 16
"""Agents that are told of one task: one of them is likely to be free, and ten thousand that come
for one task are a load and no help. The next task is told to the next ones."""

LATER: Final = 10_000
"""Tasks that are told of later, when a failed attempt has waited; as many as a queue holds."""


def nobody(_task: Task, _agents: Sequence[str]) -> None:
    """Until somebody publishes offers."""


class Offers:
    """Chooses who is told."""

    def __init__(self, members: Members, on_offer: OnOffer = nobody) -> None:
        self._members = members
        self.on_offer = on_offer
        self._turn = 0
        self._later: list[tuple[float, str, Task]] = []

    def tell(self, tasks: Iterable[Task], now: float) -> None:
        """Of these, those that may be claimed: now, or when their time has come (`tick`)."""
        for task in tasks:
            if task.state is not TaskState.SUBMITTED:
                continue
            if task.not_before <= now:
                self._offer(task)
            elif len(self._later) < LATER:
                heapq.heappush(self._later, (task.not_before, task.id, task))

    def tick(self, now: float) -> None:
        """Tell of those whose time has come."""
        while self._later and self._later[0][0] <= now:
            self._offer(heapq.heappop(self._later)[2])

    def _offer(self, task: Task) -> None:
        agents = self._choose(task)
        if agents:
            self.on_offer(task, agents)

    def _choose(self, task: Task) -> list[str]:
        able = [m.name for m in self._members.in_group(task.group) if task.kind in m.kinds]
        if task.to:
            return [task.to] if task.to in able else []
        if len(able) <= AT_ONCE:
            return able
        start = self._turn % len(able)
        self._turn += AT_ONCE
        return (able + able)[start : start + AT_ONCE]
