"""Retained state seen from a machine whose own clock is behind."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleet import retained
from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp
from fleet.domain.verdict import Verdict
from fleet.settings import load


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how much each agent's last heartbeat is ahead of this machine's clock, in s."""
    ahead: list[float] = []

    @asynccontextmanager
    async def open_bus(_settings: object) -> Any:
        yield None

    async def state(_bus: object, _filters: object, _qos: int = 1) -> list[Inbound]:
        return [
            Inbound(
                f"fleet/a{number}/heartbeat",
                b'{"ok":true,"ts":"%s"}' % timestamp(time.time() + off).encode(),
                1,
                True,
            )
            for number, off in enumerate(ahead)
        ]

    monkeypatch.setattr(retained, "open_bus", open_bus)
    monkeypatch.setattr(retained, "retained_state", state)
    return ahead


@pytest.mark.parametrize(
    ("ahead", "is_behind"),
    [
        ([-1.0, -30.0, -300.0], False),
        ([3_600.0, -30.0, -300.0], False),
        ([3_600.0], False),
        ([3_600.0, 3_590.0, -86_400.0], True),
        ([86_400.0 * 3_650] * 3, True),
    ],
)
async def test_where_most_agents_are_dated_in_the_future_this_machine_is_behind(
    told: list[float], ahead: list[float], is_behind: bool, tmp_path: Any
) -> None:
    told += ahead
    found = await retained.retained_views(load({"home": str(tmp_path)}, {}))
    assert found.is_behind is is_behind
    states = {view.agent: view.state for view in found.views}
    for number, off in enumerate(ahead):
        assert (states[f"a{number}"] is Verdict.UNKNOWN) is (off > 0), "no time is invented"
