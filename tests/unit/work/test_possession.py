"""Who sent a content may name it, for as long as a result may wait to be handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.work.hand_over import PATIENCE
from fleet.store.in_memory import InMemoryStore
from fleet.work.blobs import Blobs
from fleet.work.caller import Caller
from fleet.work.members import Member
from fleet.work.possession import Possession
from tests.support.telemetry import NOON
from tests.support.work import blob

HOUR = 3600.0
MADE = blob("what was made")


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_output_that_was_sent_may_be_named_when_its_result_is_late(
    tmp_path: Path, restarted: bool
) -> None:
    store, blobs = InMemoryStore(), Blobs(tmp_path)
    store.open()
    caller = Caller("agent:larry", Member("larry", "lab"))
    possession = Possession(store.work, blobs)
    await possession.note(caller, MADE.digest, NOON)
    if restarted:
        possession = Possession(store.work, blobs)
    assert await possession.has(caller, "lab", MADE.digest, NOON + PATIENCE + HOUR - 1)
    assert not await possession.has(caller, "lab", MADE.digest, NOON + PATIENCE + 24 * HOUR)
