"""Whatever a payload holds, the contract names a reason and the hub stores no bad row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import cast

import pytest

from fleet.bus.port import Bus, Inbound
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import schema_validators
from fleet.contract.topics import RECORDED, STATES, Topics
from fleet.hub.hub import Hub
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
    reader, known = Reader(), schema_validators()
    accepted = rejected = 0
    for kind, payload in hostile_payloads(Random(SEED), amount(20_000, 500_000)):
        ok = accepts(partial(reader.read, kind), payload)
        assert ok == accepts(known[kind].read, payload), payload
        accepted += ok
        rejected += not ok
    assert accepted > rejected / 60
    assert rejected > accepted


class Feeder:
    """A bus that brings hostile payloads, batch by batch, and then ends."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.acknowledged = 0

    async def batches(self) -> AsyncIterator[list[Inbound]]:
        random = Random(SEED)
        batch: list[Inbound] = []
        for number, (kind, payload) in enumerate(hostile_payloads(random, self.count), 1):
            topic = Topics().of(kind, f"agent-{number % 50}")
            if number % 97 == 0:
                topic = topic[: random.randrange(1, len(topic))] + chr(random.randrange(32, 0x3000))
            batch.append(Inbound(topic, payload, 1, number % 13 == 0, number))
            if len(batch) == BATCH or number == self.count:
                yield batch
                batch = []

    async def ack_many(self, messages: list[Inbound]) -> None:
        self.acknowledged += len(messages)


@pytest.mark.timeout(3600)
async def test_the_hub_stores_valid_rows_and_dead_letters_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    feeder = Feeder(amount(10_000, 500_000))
    hub = Hub(load({"home": str(tmp_path)}, {}), store, bus=lambda _: cast("Bus", feeder))
    hub.committer.restore(store.open(), hub.reader.read)
    await hub.ingest.run()
    assert feeder.acknowledged == feeder.count
    known = schema_validators()
    rows = 0
    for row in store.replay(0):
        rows += 1
        known[row.kind].read(row.payload)
        assert row.kind in RECORDED
        assert not (row.retained and row.kind not in STATES)
    assert rows > 0
    assert sum(hub.counters.rejected.values()) > feeder.count / 3
    assert await store.dead_letters(before=None, limit=10)
    await store.close()
