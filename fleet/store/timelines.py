"""What a store tells of agents' past for a list of them: a bounded answer for a few names at once.

In the same place and backup as all else; a hub that no longer leads marks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from fleet.contract.limits import DEFAULT_INTERVAL
from fleet.contract.vocabulary import Check, MessageKind
from fleet.domain.beat_bar import Heard
from fleet.domain.events import Fact
from fleet.domain.listening import GAP
from fleet.store.hour_totals import HourTotals
from fleet.store.records import HOUR, StoredEvent, StoredMessage

MAX_CHANGES: Final = 500
"""Changes of verdict that are told of an agent, the newest: one that flaps has thousands."""

MAX_SPANS: Final = 1_000
"""Times in which a hub listened that are kept: a start of the hub, or of its link, begins one."""

Named = dict[str, list[Any]]
Span = tuple[float, float]


class TimelineStore(Protocol):
    """Each call raises `StoreError` as `Store.commit` does. Who is not known is not in an answer.

    Times are seconds since the epoch on the hub's clock; all is told oldest first.
    """

    async def beats(self, agents: Sequence[str], limit: int) -> dict[str, list[Heard]]:
        """The newest `limit` bus heartbeats of each."""
        ...

    async def verdicts(
        self, agents: Sequence[str], since: float
    ) -> dict[str, list[tuple[float, str]]]:
        """When the verdict of each became which, from the last change before `since` on; the
        newest `MAX_CHANGES`."""
        ...

    async def metric_hours(
        self, agents: Sequence[str], metric: str, since: float
    ) -> dict[str, list[tuple[float, float]]]:
        """The last value of each full hour from that of `since` on, with when the hour began."""
        ...

    async def listened(self) -> list[Span]:
        """When a hub listened: from when to when."""
        ...

    async def listen(self, now: float) -> None:
        """A hub listens now, and has since the last mark, if that is not longer ago than `GAP`."""
        ...


def heard(at: float, payload: bytes) -> Heard:
    """From a stored bus heartbeat."""
    message = json.loads(payload)
    fails = Check.FAIL in message.get("checks", {}).values()
    return Heard(at, message.get("interval", DEFAULT_INTERVAL), not message["ok"] or fails)


def since_the_last_before(
    changes: list[tuple[float, str]], since: float
) -> list[tuple[float, str]]:
    """Of changes in order: that which held at `since`, and those after it."""
    before = sum(1 for at, _ in changes if at <= since)
    return changes[max(0, before - 1) :]


def marked(last: Span | None, now: float) -> tuple[Span, bool]:
    """The span that a mark makes, and whether it is a new one beside the `last`."""
    if last is not None and last[0] <= now <= last[1] + GAP:
        return (last[0], max(last[1], now)), False
    return (now, now), True


class Kept(Protocol):
    """What the store in memory keeps, as far as it is asked here."""

    messages: list[StoredMessage]
    events: list[StoredEvent]
    hours: dict[tuple[int, int], HourTotals]
    agents: dict[str, int]
    listening: list[Span]


class InMemoryTimelines:
    """See `TimelineStore`. `writable` raises `StoreError` while nothing can be written."""

    def __init__(self, writable: Callable[[], Kept], kept: Kept) -> None:
        self._writable, self._kept = writable, kept

    async def beats(self, agents: Sequence[str], limit: int) -> dict[str, list[Heard]]:
        found: Named = {}
        for one in reversed(self._kept.messages):
            if one.agent in agents and one.kind is MessageKind.HEARTBEAT:
                found.setdefault(one.agent, []).append(heard(one.at, one.payload))
        return {name: list(islice(beats, limit))[::-1] for name, beats in found.items()}

    async def verdicts(
        self, agents: Sequence[str], since: float
    ) -> dict[str, list[tuple[float, str]]]:
        found: Named = {}
        for event in (stored.event for stored in self._kept.events):
            if event.fact is Fact.VERDICT and event.agent in agents:
                found.setdefault(event.agent, []).append((event.at, event.word))
        return {
            name: since_the_last_before(changes[-MAX_CHANGES:], since)
            for name, changes in found.items()
        }

    async def metric_hours(
        self, agents: Sequence[str], metric: str, since: float
    ) -> dict[str, list[tuple[float, float]]]:
        names = {number: name for name, number in self._kept.agents.items() if name in agents}
        found: Named = {}
        for hour, number in sorted(self._kept.hours):
            values = self._kept.hours[hour, number].metrics.get(metric)
            if number in names and hour >= since // HOUR and values:
                found.setdefault(names[number], []).append((float(hour * HOUR), values[2]))
        return found

    async def listened(self) -> list[Span]:
        return sorted(self._kept.listening)

    async def listen(self, now: float) -> None:
        spans = self._writable().listening
        span, is_new = marked(spans[-1] if spans else None, now)
        spans[len(spans) - (not is_new) :] = [span]
        del spans[:-MAX_SPANS]
