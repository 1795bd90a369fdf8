"""The demo's swarm goes on when it has seen what it says."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.cli.demo.stage import Stage
from fleet.cli.demo.swarm import CREW, Swarm


@pytest.mark.parametrize("heard", range(len(CREW) + 1))
async def test_agents_that_are_listed_and_not_heard_are_not_here_yet(
    heard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed(_path: str) -> Any:
        at = "2026-01-01T00:00:00Z"
        seen = [at if number < heard else None for number in range(len(CREW))]
        return {"agents": [{"last_seen": one} for one in seen]}

    with Stage() as stage:
        swarm = Swarm(stage)
        monkeypatch.setattr(swarm, "_get", listed)
        assert await swarm._all_here() is (heard == len(CREW))
