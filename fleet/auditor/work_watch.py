"""Which tasks the bus spoke of: who was offered one, and under which epoch who told of it.

Only the bus is looked at. What a task is, and whether a claim was good, the hub knows alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from fleet.auditor.rules import work
from fleet.auditor.rules.rule import Rule
from fleet.contract import patterns
from fleet.contract.fields import Message
from fleet.contract.timestamps import epoch, ulid_time
from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_messages import Progress, TaskOffer

MAX_TASKS: Final = 50_000
"""Tasks that are remembered, about 20 MB; the oldest go."""

MAX_OFFERS: Final = 200_000
"""Offers that are remembered: one task may be offered to many."""

LEASE: Final = 60.0
"""Seconds: so long may an agent not know that another has its task. It also bears a clock that is
a little off, and what an outbox sends again is dated when it was made."""

WORK: Final = (MessageKind.TASK, MessageKind.PROGRESS)
"""The kinds that are about tasks."""

DIGEST: Final = re.compile(patterns.DIGEST)
"""How content is named, anywhere in a text."""

Found = list[tuple[Rule, str]]
"""Rules that a message breaks, each with the field."""


@dataclass(slots=True)
class _Seen:
    """The newest epoch of a task: who told of it, and since when it is known."""

    epoch: int
    holder: str
    since: float
    told: set[str] = field(default_factory=set)


class WorkWatch:
    """Judges messages of the kinds `task` and `progress`. A rule is told once a task."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._offers: dict[tuple[str, str], None] = {}
        self._since: float | None = None
        """From when on every offer is remembered; None: nothing was seen yet."""

    def judge(self, agent: str, message: Message, at: float | None) -> Found:
        """Which rules `message`, on a topic of `agent`, breaks; `at` is when it came."""
        at = at or 0.0
        if self._since is None:
            self._since = at
        if isinstance(message, TaskOffer):
            self._offer(agent, message.id)
            return []
        return self._progress(agent, message, at) if isinstance(message, Progress) else []

    def _offer(self, agent: str, task: str) -> None:
        self._offers[task, agent] = None
        if len(self._offers) > MAX_OFFERS:
            oldest = next(iter(self._offers))
            del self._offers[oldest]
            # Of tasks as old as that nobody knows any more whether they were offered.
            self._since = max(self._since or 0.0, ulid_time(oldest[0]))

    def _progress(self, agent: str, said: Progress, at: float) -> Found:
        seen = self._seen.get(said.task)
        if seen is None:
            if len(self._seen) >= MAX_TASKS:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[said.task] = _Seen(said.epoch, agent, at)
        found: Found = []
        if said.epoch > seen.epoch:
            seen.epoch, seen.holder, seen.since = said.epoch, agent, at
        elif said.epoch < seen.epoch and epoch(said.ts) > seen.since + LEASE:
            found.append((work.OLD_EPOCH, "epoch"))
        elif said.epoch == seen.epoch and agent != seen.holder:
            found.append((work.TWO_HOLDERS, "task"))
        offered = (said.task, agent) in self._offers
        if not offered and ulid_time(said.task) > (self._since or 0.0):
            found.append((work.UNOFFERED, "task"))
        found = [(rule, place) for rule, place in found if rule.id not in seen.told]
        seen.told.update(rule.id for rule, _ in found)
        return found
