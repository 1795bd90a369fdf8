"""Keys and certificates are dated by a clock that the hub's own note does not contradict."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet import keys
from fleet.cli.main import fleet
from fleet.contract.errors import ConfigError
from fleet.domain.hub_clock import Anchor
from fleet.hub import machine_clock
from fleet.hub.machine_clock import Kept, require_credible

DAY = 86_400.0


def noted(home: Path, off: float, *, run: str | None = None) -> None:
    """What a hub noted whose time is `off` ahead of this machine's."""
    boot = machine_clock.boot() if run is None else run
    anchor = Anchor(time.time() + off, machine_clock.ticks(), boot)
    assert machine_clock.write(home, Kept(anchor))


@pytest.mark.parametrize("off", [0.0, 60.0, -60.0])
def test_a_clock_that_is_right_is_credible(tmp_path: Path, off: float):
    require_credible(tmp_path)
    noted(tmp_path, off)
    require_credible(tmp_path)


@pytest.mark.parametrize("off", [7_200.0, 30 * DAY, 3_650 * DAY])
def test_one_behind_the_last_note_is_not_in_any_run_of_the_machine(tmp_path: Path, off: float):
    for run in (None, "another"):
        noted(tmp_path, off, run=run)
        with pytest.raises(ConfigError, match="not believed"):
            require_credible(tmp_path)


@pytest.mark.skipif(not machine_clock.boot(), reason="nobody names this machine's run")
def test_one_that_ran_ahead_is_found_out_while_the_machine_runs(tmp_path: Path):
    noted(tmp_path, -30 * DAY)
    with pytest.raises(ConfigError, match="not believed"):
        require_credible(tmp_path)
    noted(tmp_path, -30 * DAY, run="another")
    require_credible(tmp_path)


def test_no_key_is_made_by_a_clock_that_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    noted(tmp_path, 3_650 * DAY)
    done = CliRunner().invoke(fleet, ["agent", "keys", "rotate"])
    assert done.exit_code != 0
    assert keys.read_ring(tmp_path) == keys.Ring()
    noted(tmp_path, 0.0)
    assert CliRunner().invoke(fleet, ["agent", "keys", "rotate"]).exit_code == 0
    assert len(keys.read_ring(tmp_path).keys) == 1
