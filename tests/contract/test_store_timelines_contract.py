"""What every store promises of agents' past for a list of them. See `fleet.store.timelines`."""

from __future__ import annotations

import json

import pytest

from fleet.domain.beat_bar import Heard
from fleet.domain.events import Event, Fact
from fleet.domain.listening import GAP
from fleet.store import sql_timelines, timelines
from fleet.store.port import Store
from fleet.store.records import HOUR, Batch, StoredEvent, StoredMessage
from fleet.store.timelines import MAX_CHANGES
from tests.support.stores import BEAT, STATUS, Place, finish_upkeep, stored
from tests.support.telemetry import NOON


def beat(id_: int, agent: str, at: float, **fields: object) -> StoredMessage:
    message = {"ok": True, "ts": "2027-01-15T08:00:00Z", **fields}
    return StoredMessage(id_, at, agent, BEAT, False, json.dumps(message).encode())


def verdict(id_: int, agent: str, at: float, word: str) -> StoredEvent:
    return StoredEvent(id_, Event(Fact.VERDICT, agent, at, word))


async def test_the_newest_beats_of_each_are_told_whether_indexed_or_not(store: Store) -> None:
    old = [beat(n, "larry", NOON + n, interval=10) for n in range(1, 6)]
    old += [beat(6, "moe", NOON + 6), stored(7, "larry", STATUS)]
    await store.commit(Batch(old))
    await finish_upkeep(store, NOON + 7)
    new = [
        beat(8, "larry", NOON + 8, ok=False, interval=10),
        beat(9, "curly", NOON + 9, checks={"disk": "fail"}),
        beat(10, "shemp", NOON + 10),
    ]
    await store.commit(Batch(new))
    found = await store.timelines.beats(["larry", "moe", "curly", "nobody"], 3)
    assert found == {
        "larry": [Heard(NOON + 4, 10), Heard(NOON + 5, 10), Heard(NOON + 8, 10, degraded=True)],
        "moe": [Heard(NOON + 6, 600)],
        "curly": [Heard(NOON + 9, 600, degraded=True)],
    }
    assert await store.timelines.beats([], 3) == {}


async def test_verdicts_are_told_from_the_one_that_held_at_a_time_on(store: Store) -> None:
    changes = [
        verdict(1, "larry", NOON - 20, "late"),
        verdict(2, "larry", NOON - 10, "ok"),
        verdict(3, "moe", NOON - 5, "ok"),
        StoredEvent(4, Event(Fact.GAP, "larry", NOON, amount=3)),
        verdict(5, "larry", NOON + 10, "stale"),
    ]
    await store.commit(Batch(events=changes))
    found = await store.timelines.verdicts(["larry", "curly"], NOON)
    assert found == {"larry": [(NOON - 10, "ok"), (NOON + 10, "stale")]}
    assert len((await store.timelines.verdicts(["larry"], 0))["larry"]) == 3


async def test_of_one_that_flaps_the_newest_verdicts_are_told(store: Store) -> None:
    many = [verdict(n, "larry", NOON + n, "ok") for n in range(1, MAX_CHANGES + 11)]
    await store.commit(Batch(events=many))
    found = (await store.timelines.verdicts(["larry"], 0))["larry"]
    assert (len(found), found[0][0]) == (MAX_CHANGES, NOON + 11)


async def test_a_metric_is_told_by_full_hours(store: Store) -> None:
    noon = NOON // HOUR * HOUR
    sent = [
        beat(n + 1, agent, noon + HOUR * (n // 2), metrics={"a_bytes": n, "b_bytes": 1})
        for n, agent in enumerate(["larry", "moe"] * 3)
    ]
    await store.commit(Batch([*sent, beat(9, "larry", noon + 3 * HOUR, metrics={"a_bytes": 9})]))
    await finish_upkeep(store, noon + 3 * HOUR + 1)
    hours = store.timelines.metric_hours
    assert await hours(["larry", "nobody"], "a_bytes", noon + HOUR + 5) == {
        "larry": [(noon + HOUR, 2.0), (noon + 2 * HOUR, 4.0)]
    }
    assert await hours(["larry"], "c_bytes", 0) == {}
    assert set(await hours(["larry", "moe"], "b_bytes", noon)) == {"larry", "moe"}


async def test_when_a_hub_listened_is_kept_over_a_restart(place: Place) -> None:
    store = place.store()
    store.open()
    assert await store.timelines.listened() == []
    for at in (0, 30, 60, 60 + GAP, 400, 300, 410):
        await store.timelines.listen(NOON + at)
    await store.close()
    again = place.store()
    again.open()
    try:
        assert await again.timelines.listened() == [
            (NOON, NOON + 180),
            (NOON + 300, NOON + 410),
            (NOON + 400, NOON + 400),
        ], "a clock that goes back begins anew"
    finally:
        await again.close()


async def test_spans_are_bounded_by_number(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (timelines, sql_timelines):
        monkeypatch.setattr(module, "MAX_SPANS", 4)
    for n in range(9):
        await store.timelines.listen(NOON + n * 2 * GAP)
    found = await store.timelines.listened()
    assert (len(found), found[0][0]) == (4, NOON + 5 * 2 * GAP)
