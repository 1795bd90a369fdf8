"""What every store promises of its size, whatever a fleet sends; see `fleet.store.port`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.store.hour_totals import MAX_NAMES
from fleet.store.port import Store
from fleet.store.records import HOUR, Batch
from fleet.store.retention import Retention
from tests.support.stores import PLACES, finish_upkeep, ids, stored
from tests.support.telemetry import NOON


@pytest.fixture(params=PLACES)
async def small(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store that may take next to nothing."""
    place = PLACES[request.param](tmp_path)
    return place.store(Retention(max_gb=1e-9))


def naming(number: int) -> bytes:
    """A heartbeat with 32 names of metrics that nobody used before."""
    metrics = {f"m{number}_{n}": n for n in range(32)}
    return json.dumps({"ok": True, "ts": "2027-01-15T08:00:00Z", "metrics": metrics}).encode()


async def test_an_hour_sums_up_only_so_many_metrics_of_an_agent(store: Store) -> None:
    steps = range(1, 51)
    for number in steps:
        message = stored(number)._replace(payload=naming(number))
        await store.commit(Batch([message], replay_from=number))
        await finish_upkeep(store, NOON + HOUR * 2)  # sums are put together
    [hour] = (await store.rollups()).rollups
    assert hour.beats == len(steps)
    assert len(hour.metrics) == MAX_NAMES
    assert set(hour.metrics) == {f"m{number}_{n}" for number in (1, 2) for n in range(32)}
    assert store.values_left_out == (len(steps) - 2) * 32


async def test_beyond_its_size_a_store_forgets_the_oldest_before_their_time(small: Store) -> None:
    small.open()
    try:
        for start in range(1, 40, 10):
            batch = [stored(n) for n in range(start, start + 10)]
            await small.commit(Batch(batch, replay_from=start + 9))
        await finish_upkeep(small, NOON)
        kept = await ids(small, limit=1000)
        assert kept == list(range(1, 41)), "the hour that runs is not summed up yet"
        await finish_upkeep(small, NOON + HOUR)
        assert await ids(small, limit=1000) == [40], "but what a restart needs"
        [hour] = (await small.rollups()).rollups
        assert hour.beats == 40
    finally:
        await small.close()
