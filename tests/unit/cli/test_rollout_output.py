"""A rollout as people read it: one line an agent."""

from __future__ import annotations

import pytest

from fleet.cli.rollout_output import show
from fleet.domain.rollout.states import ExecutionState


def test_each_agent_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    agent = {
        "wave": 1,
        "from": "1.0",
        "state": "queued",
        "reason": "",
        "away": False,
        "since": "",
        "reached": "",
    }
    show({
        "id": "01KB5QZ2M4W3J8X7V6T5S4R3Q2", "version": "2.0", "state": "draft", "why": "",
        "waves": "1,100%", "wave": 0, "max_unavailable": 1, "abort": "20%:2", "on_abort": "stop",
        "verify": 60.0, "soak": 1.0, "timeout": 120.0, "undo": False,
        "agents": [{"agent": name, **agent} for name in ("ada", "b\nob")],
        "counts": {state.value: 2 * (state == "queued") for state in ExecutionState},
    })  # fmt: skip
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[2:5]] == ["AGENT", "ada", "b\\nob"]
    assert said.count("\\n") == 1, "what came from outside"
