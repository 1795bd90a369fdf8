"""Batches that are joined say the same as one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert
from fleet.domain.silences import Silence
from fleet.store.in_memory import InMemoryStore
from fleet.store.port import Store
from fleet.store.records import Batch, HubState
from tests.support.stores import stored
from tests.support.telemetry import NOON

FIRING = Alert("larry", "agent-late", Severity.WARNING, AlertState.FIRING, NOON)
KEY = ("larry", "agent-late")
BEGUN = Batch(silences=[Silence("s", NOON)])
AGAIN = Batch(silences=[Silence("s", NOON + 99)])
LIFTED = Batch(lifted=["s"])
FIRES = Batch(alerts=[FIRING])
FIRES_AGAIN = Batch(alerts=[replace(FIRING, since=NOON + 99)])
FORGOTTEN = Batch(forgotten_alerts=[KEY])


async def after(*batches: Batch) -> tuple[HubState, list[int]]:
    store: Store = InMemoryStore()
    store.open()
    for batch in batches:
        await store.commit(batch)
    return store.open(), [message.id for message in store.replay(0)]


@pytest.mark.parametrize(
    "batches",
    [
        [BEGUN, LIFTED],
        [BEGUN, LIFTED, AGAIN],
        [LIFTED, BEGUN],
        [BEGUN, LIFTED, AGAIN, LIFTED],
        [FIRES, FORGOTTEN],
        [FIRES, FORGOTTEN, FIRES_AGAIN],
        [FORGOTTEN, FIRES],
        [Batch([stored(1)], replay_from=1), Batch([stored(2)]), AGAIN, Batch([stored(3)])],
        [Batch(records=[("larry", 1, {})], replay_from=1), Batch(records=[("larry", 2, {"x": 1})])],
    ],
)
async def test_joined_batches_say_the_same_as_one_after_the_other(batches: list[Batch]) -> None:
    assert await after(Batch.joined(batches)) == await after(*batches)
