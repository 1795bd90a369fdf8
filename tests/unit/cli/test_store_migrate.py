"""What is said to a target of a move that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.store import migrate
from fleet.contract.errors import ConfigError


@pytest.mark.parametrize("target", ["nonsense", "mysql://db/fleet", "Home"])
def test_what_is_no_target_is_told_with_a_call_that_works(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    done = CliRunner().invoke(migrate, [target, "--dry-run"])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.remedy.startswith("fleet store migrate postgresql://")
