"""What the port does not show of the store in memory."""

from __future__ import annotations

from fleet.domain.events import Event, Fact
from fleet.store.in_memory import InMemoryStore
from fleet.store.records import Batch, StoredEvent
from fleet.store.retention import DAY, Retention
from tests.support.telemetry import NOON


async def test_events_are_kept_up_to_an_age_and_a_number() -> None:
    store = InMemoryStore(retention=Retention(events=1, max_events=3))
    store.open()
    events = [StoredEvent(n, Event(Fact.BIRTH, "moe", NOON)) for n in range(1, 6)]
    await store.commit(Batch(events=events))
    await store.upkeep(NOON + DAY)
    assert store.database.events == events[2:]
    late = StoredEvent(6, Event(Fact.BIRTH, "moe", NOON + 1))
    await store.commit(Batch(events=[late]))
    await store.upkeep(NOON + DAY + 1)
    assert store.database.events == [late]
