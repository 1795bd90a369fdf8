"""`agent-sidecar check` says why something could not be told."""

from __future__ import annotations

from pathlib import Path

from agent_sidecar.check import explain
from agent_sidecar.config import load


def test_an_unknown_plane_comes_with_its_reason(tmp_path: Path) -> None:
    settings = {
        "FLEET_AGENT": "alpha",
        "FLEET_HOME": str(tmp_path),
        "FLEET_KIND": "generic",
        "FLEET_DROP": "-",
        "FLEET_CONTAINER": "alpha",
        "FLEET_DOCKER": str(tmp_path / "no.sock"),
    }
    lines = list(explain(load({}, settings)))
    at = lines.index(next(line for line in lines if line.startswith("probe   container")))
    assert lines[at + 1] == "        because Docker does not answer: No such file or directory"
