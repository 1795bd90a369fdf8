"""Whatever a payload holds, the contract names a reason and the hub stores no bad row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from fleet.bus.port import Inbound
from fleet.contract.judge import judges
from fleet.contract.reading import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.words import MessageKind
from fleet.hub import Hub
from fleet.settings import load
from fleet.store.sqlite import SqliteStore
from tests.support.fuzz import amount, hostile_payloads

SEED = 7
BATCH = 500


def accepts(read: Callable[[bytes], object], payload: bytes) -> bool:
    """Whether `read` takes it; any error but a rejection ends the test."""
    try:
        read(payload)
    except Rejected:
        return False
    return True


@pytest.mark.timeout(3600)
def test_the_contract_reads_or_rejects_and_its_two_readers_agree() -> None:
    reader, known = Reader(), judges()
    accepted = rejected = 0
    for kind, payload in hostile_payloads(Random(SEED), amount(20_000, 500_000)):
        ok = accepts(partial(reader.read, kind), payload)
        assert ok == accepts(known[kind].read, payload), payload
        accepted += ok
        rejected += not ok
    assert accepted > rejected / 50
    assert rejected > accepted


@pytest.mark.timeout(3600)
async def test_the_hub_stores_valid_rows_and_dead_letters_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    hub = Hub(load({"home": str(tmp_path)}, {}), store)
    hub.ledger.restore(store.open(), hub.reader.read)
    topics, random = Topics(), Random(SEED)
    count = amount(10_000, 500_000)
    batch: list[Inbound] = []
    for number, (kind, payload) in enumerate(hostile_payloads(random, count)):
        topic = topics.of(kind, f"agent-{number % 50}")
        if number % 97 == 0:
            topic = topic[: random.randrange(1, len(topic))] + chr(random.randrange(32, 0x3000))
        batch.append(Inbound(topic, payload, 1, number % 13 == 0, number))
        if len(batch) == BATCH:
            await hub.ingest.take(batch)
            batch = []
    await hub.ingest.take(batch)
    known = judges()
    rows = 0
    for row in store.replay(0):
        rows += 1
        known[row.kind].read(row.payload)
        assert row.kind in (*FROM_AGENT, MessageKind.COMMAND, MessageKind.BROADCAST)
        assert not (row.retained and row.kind not in FROM_AGENT)
    assert rows > 0
    assert sum(hub.counters.rejected.values()) > count / 3
    assert await store.dead_letters(before=None, limit=10)
    await store.close()
