"""A slip in a variable's name is told; what other programs call FLEET_ is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_sidecar import cli as sidecar_cli
from agent_sidecar import config as sidecar
from agent_sidecar.settings import ALL, OTHERS
from fleet import settings as hub
from fleet.cli.config import check as hub_check

TOLD = "FLEET_BROKR in the environment is no setting of ours and has no effect: FLEET_BROKER?\n"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FLEET_DORP", "FLEET_DROP"),
        ("FLEET_BROKR", "FLEET_BROKER"),
        ("FLEET_AGNET", "FLEET_AGENT"),
        ("FLEET_PASSWORDFILE", "FLEET_PASSWORD_FILE"),
        ("FLEET_INTERVALL", "FLEET_INTERVAL"),
        ("FLEET_PREFX", "FLEET_PREFIX"),
        ("FLEET_URL", ""),
        ("FLEET_ENROLLMENT_TOKEN", ""),
        ("FLEET_SERVER_ENABLE", ""),
        ("FLEET_TEST_NANOBOT", ""),
        ("BROKR", ""),
    ],
)
def test_what_is_nearly_a_name_of_ours_is_told(name: str, meant: str) -> None:
    said = [f"{name} in the environment is no setting of ours and has no effect: {meant}?"]
    assert sidecar.slips({name: "x", "HOME": "/"}) == (said if meant else [])


def test_both_checks_tell_a_slip_and_both_are_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        monkeypatch.delenv(name)
    home = {"HOME": tmp_path, "FLEET_HOME": tmp_path / "home"}
    for name, value in {**home, "FLEET_AGENT": "alpha", "FLEET_BROKR": "mqtt://b"}.items():
        monkeypatch.setenv(name, str(value))
    assert sidecar_cli.start(["config", "check"]) == 0
    assert capsys.readouterr() == ("ok\n", TOLD)
    done = CliRunner().invoke(hub_check, [])
    assert (done.exit_code, done.stderr, done.stdout) == (0, TOLD, "ok\n")


def test_no_setting_of_hub_or_sidecar_is_taken_for_a_slip_by_the_other() -> None:
    """They may run in one environment."""
    names = {name.variable for name in ALL} | {setting.variable for setting in hub.SETTINGS}
    everything = dict.fromkeys(names | OTHERS | hub.OTHERS, "x")
    assert sidecar.slips(everything) == []
    assert hub.slips(everything) == []
