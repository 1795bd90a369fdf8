"""An intake that runs for the length of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.intake import Intake


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Intake]:
    intake = Intake(tmp_path / "home")
    tasks = [asyncio.create_task(intake.ingest.run()), asyncio.create_task(intake.receipts.run())]
    yield intake
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await intake.store.close()
