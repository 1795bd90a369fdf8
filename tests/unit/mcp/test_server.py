"""What an agent that operates the fleet may send is what the contract has."""

from __future__ import annotations

from typing import get_args

import pytest

from fleet.contract.vocabulary import Verb
from fleet.contract.work_vocabulary import FINAL, TaskState

pytest.importorskip("mcp", reason="the extra mcp is not installed")


def test_the_verbs_are_those_of_the_contract() -> None:
    from fleet.mcp.server import VerbWord

    assert get_args(VerbWord) == tuple(verb.value for verb in Verb)


def test_the_states_that_can_be_asked_for_are_those_of_tasks() -> None:
    from fleet.mcp.work_arguments import OPEN, AnyState

    assert set(get_args(AnyState)) == {state.value for state in TaskState} | {"open", "all"}
    assert set(OPEN) == {state.value for state in TaskState} - {state.value for state in FINAL}
