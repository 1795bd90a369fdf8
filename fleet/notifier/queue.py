"""What waits for one route: which message is next, and which is not to be tried any more.

The worst goes first; but what concerns one agent keeps its order, so an agent's earlier news are
drawn along. A message that fails does not hold up the others: where the route takes some and one
fails again and again, that one is at fault. Pure: time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fleet.contract.backoff import Backoff
from fleet.notifier.notification import Notification

SUSPECT: Final = 3
"""Failures, the route having taken another message after each, from which a message is held to be
at fault: it goes last, in its own time, and holds up nothing."""

HOPELESS: Final = 8
"""Such failures after which a message is set aside: with its pauses after some minutes."""

PASSED: Final = 3
"""Failures in a row from which what concerns the same agent may pass: else one agent's message
could hold up its next ones for ever, where no other agent shows whether the route works."""


@dataclass(slots=True)
class Entry:
    """One message that waits. `failures` since the route took anything, `strikes` as above, `due`
    from when on a suspect is tried."""

    message: Notification
    pause: Backoff
    failures: int = 0
    strikes: int = 0
    due: float = 0.0
    agents: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.agents = frozenset(member.agent for member in self.message.members)

    @property
    def is_suspect(self) -> bool:
        return self.strikes >= SUSPECT

    @property
    def may_be_passed(self) -> bool:
        return self.is_suspect or self.failures >= PASSED


class Queue:
    """The messages of one route by id; `first`, `longest`: seconds of a suspect's pauses."""

    def __init__(self, first: float, longest: float) -> None:
        self._pauses = (first, longest)
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._entries

    def __iter__(self) -> Iterator[Notification]:
        return (entry.message for entry in self._entries.values())

    def add(self, messages: Iterable[Notification], *, in_front: bool = False) -> None:
        """Behind all others, or `in_front`, where what is older than them belongs."""
        added = OrderedDict((one.id, self._entry(one)) for one in messages)
        if in_front:
            self._entries = OrderedDict({**added, **self._entries})
        else:
            self._entries.update(added)

    def remove(self, message_id: str) -> None:
        self._entries.pop(message_id, None)

    def replace(self, message_id: str, parts: Iterable[Notification]) -> None:
        """Put `parts` into the place of a message."""
        before, self._entries = self._entries, OrderedDict()
        for known, entry in before.items():
            if known == message_id:
                self.add(parts)
            else:
                self._entries[known] = entry

    def least(self) -> Notification:
        """What is given up first where too much waits: the oldest of what matters least."""
        return min(self, key=lambda one: one.severity.rank)

    def next(self, now: float) -> Notification | None:
        """The message to try at `now`; None: none is due."""
        ready = [
            (entry.is_suspect, entry.failures, -rank, place, entry)
            for place, (entry, rank) in enumerate(self._heads())
            if not entry.is_suspect or entry.due <= now
        ]
        return min(ready, key=lambda one: one[:4])[4].message if ready else None

    def next_due(self) -> float | None:
        """When the first suspect is due; None: there is none."""
        return min((e.due for e in self._entries.values() if e.is_suspect), default=None)

    def was_taken(self, message_id: str) -> None:
        """The route works: what failed meanwhile has a strike more."""
        self.remove(message_id)
        for entry in self._entries.values():
            entry.strikes += entry.failures > 0
            entry.failures = 0

    def has_failed(self, message_id: str, now: float) -> bool:
        """Note a failure that may be the message's; whether it is known to be, so that the route
        is not to be blamed."""
        entry = self._entries.get(message_id)
        if entry is None:
            return False
        entry.failures += 1
        if entry.is_suspect:
            entry.due = now + entry.pause.failed(now)
        return entry.is_suspect

    def is_hopeless(self, message_id: str) -> bool:
        entry = self._entries.get(message_id)
        return entry is not None and entry.strikes >= HOPELESS

    def _entry(self, message: Notification) -> Entry:
        return Entry(message, Backoff(*self._pauses))

    def _heads(self) -> list[tuple[Entry, int]]:
        """What no earlier news of an agent holds back, and how much it matters together with what
        waits behind it."""
        ranks = self._ranks_with_followers()
        held: set[str] = set()
        held_codes: set[tuple[str, str]] = set()
        heads = []
        for entry, rank in ranks:
            code = entry.message.code
            same = any((agent, code) in held_codes for agent in entry.agents)
            if not same and held.isdisjoint(entry.agents):
                heads.append((entry, rank))
            held_codes.update((agent, code) for agent in entry.agents)
            if not (same or entry.may_be_passed):
                held |= entry.agents
        return heads

    def _ranks_with_followers(self) -> list[tuple[Entry, int]]:
        behind: dict[str, int] = {}
        found = []
        for entry in reversed(self._entries.values()):
            own = entry.message.severity.rank
            rank = max([own, *(behind.get(agent, own) for agent in entry.agents)])
            for agent in entry.agents:
                behind[agent] = rank
            found.append((entry, rank))
        found.reverse()
        return found
