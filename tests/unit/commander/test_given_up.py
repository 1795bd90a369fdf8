"""What was given up is remembered for a late reply: once, and no more than a bound."""

from __future__ import annotations

import pytest

from fleet.commander import given_up as module
from fleet.commander.given_up import GivenUp
from fleet.contract.timestamps import ulids
from fleet.contract.vocabulary import Priority, Verb
from fleet.domain.commands import CommandState, IssuedCommand
from tests.support.telemetry import NOON


def test_the_newest_silent_ones_are_given_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    states = [CommandState.SILENT] * 3 + [CommandState.EXPIRED]
    first, second, third, expired = (
        IssuedCommand(id_, "ada", Verb.HEALTH_CHECK, Priority.NORMAL, 60, NOON, state=state)
        for id_, state in zip(ulids(NOON), states, strict=False)
    )
    known = GivenUp()
    known.add([first, second])
    known.add([third, expired])
    assert [known.take("ada", one.wire) for one in (first, second, expired)] == [None, second, None]
    assert known.take("bob", third.wire) is None
    assert known.take("ada", None) is None
    assert known.take("ada", second.wire) is None
    assert known.take("ada", third.wire) == third
    known.add([first])
    known.clear()
    assert known.take("ada", first.wire) is None
