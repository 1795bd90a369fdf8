"""Offers of tasks, from the hub to agents: a wake-up, signed, that may be lost without harm.

Whoever keeps the tasks says whom to offer what. A worker that was woken claims until there is
nothing left, and one that slept asks by HTTP; so few offers are enough, and no agent gets more
than it can read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.errors import BrokerError, ConfigError, RefusedError
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.domain.work.task import Task

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

TTL: Final = 60
"""Seconds that an offer is worth a question: as long as a claim holds."""

APART: Final = 0.1
"""Seconds between two offers to one agent in the long run: a sidecar takes ten a second."""

AHEAD: Final = 1.0
"""Seconds by which an agent's offers may come before that: who is told of one task after the other
is told at once. A sidecar takes a hundred at once."""

AT_ONCE: Final = 200
"""Publishes in flight together: the broker's round trip must not add up over the fleet."""

MAX_OF_ONE: Final = 64
"""Offers that wait for one agent; the oldest goes, since one is enough to wake it."""

MAX_WAITING: Final = 20_000
"""Offers that wait in all, about 10 MB; beyond that whoever keeps the tasks offers again later."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One offer that was not sent yet; `at` is when it was asked for, s since the epoch."""

    epoch: int
    ttl: int
    at: float


class OfferSender:
    """A service of the hub: `run` sends what `offer` was asked for.

    Args:
        works: whether an agent said that it works; any other is offered nothing.

    Attributes:
        sent, failed, refused: offers since the start: given to the broker; not, since the link was
            down or the broker refused; asked for an agent that does not work, or beyond the bound.
    """

    name = "task-offers"

    def __init__(self, hub: Hub, works: Callable[[str], bool]) -> None:
        self._hub = hub
        self._works = works
        self._waiting: dict[str, dict[str, Waiting]] = {}
        self._count = 0
        self._paid: dict[str, float] = {}
        """Until when the offers that an agent had would have taken, one each `APART`."""
        self._wake = asyncio.Event()
        self._told = False
        self.sent = self.failed = self.refused = 0

    def __len__(self) -> int:
        return self._count

    def offer(self, agent: str, task: str, epoch: int, ttl: int = TTL) -> bool:
        """Offer `task` (a ULID), which was claimed `epoch` times before, for `ttl` s. A newer offer
        of the same task takes the place of one that waits.

        Returns:
            False: it is not sent, since the agent does not work, or too many wait.
        """
        mine = self._waiting.get(agent, {})
        crowded = self._count >= MAX_WAITING and task not in mine
        if crowded or not self._works(agent):
            self.refused += 1
            return False
        self._count -= mine.pop(task, None) is not None
        if len(mine) >= MAX_OF_ONE:
            del mine[next(iter(mine))]
            self._count -= 1
            self.refused += 1
        mine[task] = Waiting(epoch, ttl, self._hub.committer.now())
        self._count += 1
        self._waiting[agent] = mine
        self._wake.set()
        return True

    def tell(self, task: Task, agents: Sequence[str]) -> None:
        """Offer a task that may be claimed to the agents that were chosen for it."""
        for agent in agents:
            self.offer(agent, task.id, task.epoch)

    async def run(self) -> None:
        while True:
            if not self._count:
                self._wake.clear()
                await self._wake.wait()
            due = self._due(time.monotonic())
            if due:
                await asyncio.gather(*(self._send(*one) for one in due))
            else:
                await asyncio.sleep(APART / 4)

    def _due(self, now: float) -> list[tuple[str, str, Waiting]]:
        """The oldest offer of each agent that may have one now; they wait no longer."""
        self._paid = {agent: until for agent, until in self._paid.items() if until > now}
        due: list[tuple[str, str, Waiting]] = []
        may = [agent for agent in self._waiting if self._paid.get(agent, now) < now + AHEAD]
        for agent in may[:AT_ONCE]:
            mine = self._waiting.pop(agent)
            task = next(iter(mine))
            due.append((agent, task, mine.pop(task)))
            self._count -= 1
            self._paid[agent] = self._paid.get(agent, now) + APART
            if mine:  # behind those who wait as well
                self._waiting[agent] = mine
        return due

    async def _send(self, agent: str, task: str, waiting: Waiting) -> None:
        now = self._hub.committer.now()
        if now > waiting.at + waiting.ttl:
            self.failed += 1
            return
        topic = self._hub.topics.of(MessageKind.TASK, agent)
        message: dict[str, Any] = {
            "id": task,
            "epoch": waiting.epoch,
            "ts": timestamp(now),
            "ttl": waiting.ttl,
        }
        try:
            await self._hub.bus.publish(topic, self._hub.signed(topic, message))
            self.sent += 1
        except RefusedError as error:
            self.failed += 1
            self._tell(error)
        except (BrokerError, ConfigError):  # it may be lost: the task is not
            self.failed += 1

    def _tell(self, error: RefusedError) -> None:
        """Say once that the broker does not let us: an account from before there were tasks."""
        if not self._told:
            self._told = True
            _log.error("tasks cannot be offered: %s: %s. Try: fleet acl update", *error.args[:2])
