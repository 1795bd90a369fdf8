"""What an agent that operates the fleet may send is what the contract has."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, get_args

import pytest

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import Verb
from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.hub_client import HubClient
from fleet.hub_refusals import HubError
from fleet.settings import load

pytest.importorskip("mcp", reason="the extra mcp is not installed")


def test_the_verbs_are_those_of_the_contract() -> None:
    from fleet.mcp.server import VerbWord

    assert get_args(VerbWord) == tuple(verb.value for verb in Verb)


def test_the_states_that_can_be_asked_for_are_those_of_tasks() -> None:
    from fleet.mcp.work_arguments import OPEN, AnyState

    assert set(get_args(AnyState)) == {state.value for state in TaskState} | {"open", "all"}
    assert set(OPEN) == {state.value for state in TaskState} - {state.value for state in FINAL}


ASKING = {
    "status": {}, "describe": {"agent": "ada"}, "check": {}, "alerts": {}, "history": {},
    "forecast": {}, "rollouts": {}, "pairs": {}, "versions": {}, "audit": {},
}  # fmt: skip
"""Each tool that asks the hub."""


@pytest.mark.parametrize("name", ASKING)
async def test_who_waits_for_the_hub_holds_nobody_else_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fleet.mcp.server import FleetTools

    asked: list[threading.Thread] = []

    def away(*_: Any) -> Any:
        asked.append(threading.current_thread())
        raise HubError("the hub does not answer", "", "later")

    def found(_settings: Any) -> HubClient:
        asked.append(threading.current_thread())
        return HubClient("http://127.0.0.1:1", "token")

    monkeypatch.setattr(HubClient, "asked", found)
    monkeypatch.setattr(HubClient, "_ask", away)
    settings = load({"home": str(tmp_path)}, {"FLEET_HUB": "https://hub.example"})
    with pytest.raises(FleetError):
        await getattr(FleetTools(settings, "me"), name)(**ASKING[name])
    assert len(asked) >= 2
    assert threading.current_thread() not in asked
