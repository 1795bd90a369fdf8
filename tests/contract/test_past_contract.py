"""What HTTP tells of the past is the same over every store: folded messages, and sums of sums."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.api import past
from fleet.api.backend import HistoryQuery
from fleet.api.past import Past
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.store.port import Store
from fleet.store.records import Batch, StoredMessage
from tests.support.stores import finish_upkeep
from tests.support.telemetry import NOON

HOUR = 3600.0


def of(store: Store) -> Past:
    hub: Any = SimpleNamespace(store=store)
    return Past(hub)


def beat(id_: int, at: float, *, ok: bool = True, agent: str = "ada", **said: Any) -> StoredMessage:
    payload = json.dumps({"ok": ok, "ts": timestamp(at), "seq": id_, **said}).encode()
    return StoredMessage(id_, at, agent, MessageKind.HEARTBEAT, False, payload)


async def test_equal_heartbeats_are_one_and_the_cursor_leads_to_what_was_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE", 2)
    beats = [beat(n, NOON + n, ok=n != 4) for n in range(1, 8)]
    await store.commit(Batch(messages=[*beats, beat(8, NOON + 8, agent="bob")]))
    told = await of(store).history(HistoryQuery(agent="ada", fold=True))
    runs = [(m["id"], m["same"], m["since"]) for m in told["messages"]]
    assert runs == [(3, 2, timestamp(NOON + 1)), (4, 0, None), (7, 2, timestamp(NOON + 5))]
    assert told["next"] is None

    newest = await of(store).history(HistoryQuery(agent="ada", fold=True, limit=1))
    assert ([m["id"] for m in newest["messages"]], newest["next"]) == ([7], "5")
    query = HistoryQuery(agent="ada", fold=True, cursor=newest["next"])
    before = await of(store).history(query)
    assert [m["id"] for m in before["messages"]] == [3, 4]


async def test_one_answer_looks_back_so_far_and_no_farther(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE", 2)
    monkeypatch.setattr(past, "SCANNED", 4)
    await store.commit(Batch(messages=[beat(n, NOON + n) for n in range(1, 10)]))
    told = await of(store).history(HistoryQuery(agent="ada", fold=True))
    assert [(m["id"], m["same"]) for m in told["messages"]] == [(9, 3)]
    assert told["next"] == "6"


async def test_hours_are_summed_further_and_the_newest_sums_are_kept(store: Store) -> None:
    begins = NOON // (6 * HOUR) * 6 * HOUR
    beats = [
        beat(n + 1, begins + n * HOUR, ok=n != 3, metrics={"queue_depth": float(n)})
        for n in range(13)
    ]
    await store.commit(Batch(messages=[*beats, beat(99, begins + 24 * HOUR)]))
    await finish_upkeep(store, begins + 24 * HOUR)
    asked = HistoryQuery(agent="ada", step=6, since=begins)
    told = (await of(store).rollups(asked))["hours"]
    assert [(one["hour"], one["beats"], one["failing"]) for one in told] == [
        (timestamp(begins), 6, 1),
        (timestamp(begins + 6 * HOUR), 6, 0),
        (timestamp(begins + 12 * HOUR), 1, 0),
    ]
    assert told[0]["metrics"]["queue_depth"] == {"min": 0, "max": 5, "last": 5}
    newest = await of(store).rollups(HistoryQuery(agent="ada", step=6, since=begins, limit=1))
    assert [one["hour"] for one in newest["hours"]] == [timestamp(begins + 12 * HOUR)]
