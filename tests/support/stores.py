"""A real store whose disk can be made slow, full or broken: faults only, nothing pretended."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fleet.store.port import StoreError, StoreFullError
from fleet.store.records import Batch
from fleet.store.sqlite import SqliteStore


class FaultyStore(SqliteStore):
    """Set `full`, `broken` or clear `open_gate` to let commits fail or wait."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.full = False
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts = 0

    async def commit(self, batch: Batch) -> None:
        self.attempts += 1
        await self.gate.wait()
        if self.full:
            raise StoreFullError("the store's disk is full")
        if self.broken:
            raise StoreError("the store refused a write")
        await super().commit(batch)
