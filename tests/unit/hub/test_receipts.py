"""When a receipt goes out: after what others have yet to say, and before its sidecar asks again."""

from __future__ import annotations

import time
from math import inf
from typing import Any, cast

import pytest

from agent_sidecar.mqtt.sender import PATIENCE
from fleet.contract.topics import Topics
from fleet.hub.counters import Counters
from fleet.hub.receipts import BUSY_WAIT, COALESCE, TAKEN, Receipts
from tests.support.intake import ScriptedBus


@pytest.fixture
def receipts() -> Receipts:
    return Receipts(cast("Any", ScriptedBus()), Topics(), Counters())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_while_others_speak_each_waits_by_itself(receipts: Receipts, clock: list[float]) -> None:
    for number in range(5):
        clock[0] = 100.0 + number
        receipts.note(f"agent-{number}", 7, 1)
    assert [agent for agent, *_ in receipts.take(clock[0] - BUSY_WAIT)] == [
        f"agent-{number}" for number in range(5 - int(BUSY_WAIT))
    ]
    assert receipts.take(clock[0] - BUSY_WAIT) == []
    assert len(receipts.take(clock[0])) == int(BUSY_WAIT)


def test_who_goes_on_talking_does_not_put_its_own_off(
    receipts: Receipts, clock: list[float]
) -> None:
    receipts.note("ada", 7, 1)
    receipts.note("bob", 7, 1)
    clock[0] += BUSY_WAIT
    receipts.note("ada", 7, 9)
    assert receipts.take(clock[0] - BUSY_WAIT) == [("ada", 7, 9), ("bob", 7, 1)]


def test_so_many_go_out_together(receipts: Receipts) -> None:
    for number in range(TAKEN + 1):
        receipts.note(f"agent-{number}", 7, 1)
    assert [len(receipts.take(inf)) for _ in range(3)] == [TAKEN, 1, 0]


def test_none_waits_so_long_that_its_sidecar_asks_again() -> None:
    assert BUSY_WAIT + COALESCE < PATIENCE / 2  # the other half is chance
