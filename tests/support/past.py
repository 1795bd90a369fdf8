"""A home in which agents have a past: what a hub stored over days, made at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.domain.events import Event, Fact
from fleet.store.records import Batch, StoredEvent, StoredMessage
from fleet.store.sqlite import SqliteStore
from tests.support.stores import finish_upkeep

INTERVAL: Final = 600
HOUR: Final = 3600.0

Silence = tuple[float, float]
"""From when to when, in hours before now."""


def write_past(
    home: Path,
    now: float,
    agents: dict[str, tuple[float, list[Silence]]],
    away: Iterable[Silence] = (),
) -> None:
    """`agents`: since how many hours each is known, and when it was silent; `away`: when the hub
    was."""

    async def write() -> None:
        store = SqliteStore(home)
        store.open()
        beats: list[tuple[float, str, bytes]] = []
        verdicts: list[tuple[float, str, str]] = []
        for name, (known, silences) in agents.items():
            began = now - known * HOUR
            verdicts += [(began, name, "ok")]
            verdicts += [(now - first * HOUR, name, "stale") for first, _ in silences]
            verdicts += [(now - last * HOUR, name, "ok") for _, last in silences if last]
            for n in range(int((now - began) // INTERVAL)):
                at = began + n * INTERVAL
                ago = (now - at) / HOUR
                if any(first > ago > last for first, last in [*silences, *away]):
                    continue
                said = {"ok": True, "ts": timestamp(at), "interval": INTERVAL}
                said["metrics"] = {"memory_bytes": 1e9 + n * 1e7, "tokens_input_total": n * 1000}
                beats.append((at, name, json.dumps(said).encode()))
        for first, last in _rest(max(known for known, _ in agents.values()), away):
            for mark in range(int((first - last) * 60) + 1):
                await store.timelines.listen(now - first * HOUR + mark * 60)
        kind = MessageKind.HEARTBEAT
        messages = [
            StoredMessage(id_, at, name, kind, True, payload)
            for id_, (at, name, payload) in enumerate(sorted(beats), 1)
        ]
        events = [
            StoredEvent(id_, Event(Fact.VERDICT, name, at, word))
            for id_, (at, name, word) in enumerate(sorted(verdicts), len(messages) + 1)
        ]
        await store.commit(Batch(messages, events=events))
        await finish_upkeep(store, now)
        await store.close()

    asyncio.run(write())


def _rest(longest: float, away: Iterable[Silence]) -> list[Silence]:
    """When the hub was there."""
    ends = sorted({longest, 0.0, *(hour for span in away for hour in span)}, reverse=True)
    return [(first, last) for first, last in pairwise(ends) if (first, last) not in set(away)]
