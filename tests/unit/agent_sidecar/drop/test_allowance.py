"""What an agent may say by itself: beyond it is refused, and nothing of it is learned."""

from __future__ import annotations

from typing import Any

import pytest

from agent_sidecar.drop.allowance import DAY, EVENTS, NAMES, VERSIONS, DropAllowance
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind, Reason

BEAT, STATUS, ALERT = MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT


def say(
    allowance: DropAllowance, kind: MessageKind, message: dict[str, Any], now: float = 0.0
) -> str | None:
    """The field that is too much of; None: it was taken."""
    try:
        allowance.check(kind, message, now)
    except Rejected as rejected:
        return rejected.field if rejected.reason is Reason.TOO_OFTEN else rejected.reason
    allowance.spend(kind, message, now)
    return None


@pytest.mark.parametrize("kind", [STATUS, ALERT])
def test_events_beyond_a_day_s_are_refused(kind: MessageKind) -> None:
    allowance = DropAllowance(600)
    assert [say(allowance, kind, {}) for _ in range(EVENTS + 2)] == [None] * EVENTS + ["", ""]
    assert say(allowance, kind, {}, DAY / EVENTS + 1) is None
    assert say(allowance, BEAT, {}) is None


def test_names_of_metrics_are_learned_and_new_ones_few() -> None:
    allowance = DropAllowance(600)
    for number in range(NAMES):
        assert say(allowance, BEAT, {"metrics": {f"name_{number}": 1}}) is None
    assert say(allowance, BEAT, {"metrics": {"another": 1}}) == "metrics"
    assert say(allowance, STATUS, {"metrics": {"another": 1}}) == "metrics"
    assert say(allowance, BEAT, {"metrics": {"name_0": 2}}) is None
    assert say(allowance, BEAT, {"metrics": {"another": 1}}, 2 * DAY / NAMES) is None


def test_names_beyond_those_remembered_are_new_each_time() -> None:
    allowance = DropAllowance(600)
    for day in range(20):
        for number in range(NAMES):
            said = {"metrics": {f"day_{day}_{number}": 1}}
            assert say(allowance, BEAT, said, day * 2 * DAY) is None
    assert len(allowance._known) <= 256


def test_versions_change_as_often_as_releases_do() -> None:
    allowance = DropAllowance(600)
    found = [
        say(allowance, STATUS, {"versions": {"agent": str(number)}})
        for number in range(VERSIONS + 3)
    ]
    assert found == [None] * (VERSIONS + 1) + ["versions"] * 2
    assert say(allowance, STATUS, {"versions": {"agent": str(VERSIONS)}}) is None


def test_heartbeats_of_the_agent_s_own_are_spaced_by_the_interval() -> None:
    allowance = DropAllowance(600)
    assert sum(allowance.may_beat(0.0) for _ in range(200)) == 50
    assert sum(allowance.may_beat(6_000.0) for _ in range(200)) == 10
