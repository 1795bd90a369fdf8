"""What an agent that operates the fleet may send is what the contract has."""

from __future__ import annotations

from typing import get_args

import pytest

from fleet.contract.vocabulary import Verb

pytest.importorskip("mcp", reason="the extra mcp is not installed")


def test_the_verbs_are_those_of_the_contract() -> None:
    from fleet.mcp.server import VerbWord

    assert get_args(VerbWord) == tuple(verb.value for verb in Verb)
