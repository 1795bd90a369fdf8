"""A rename makes two agents one only where the second was made by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.main import fleet
from fleet.contract.errors import ConfigError
from fleet.provisioning.registry import FILE, Enrolled, Registry

ENDS: list[list[str]] = [[], ["--finish"], ["--now"], ["--wait", "1"]]


def refused(home: Path, *words: str) -> ConfigError:
    before = (home / FILE).read_bytes()
    environ = {"FLEET_HOME": str(home)}
    error = CliRunner().invoke(fleet, ["agent", "rename", *words], env=environ).exception
    assert isinstance(error, ConfigError)
    assert (home / FILE).read_bytes() == before
    return error


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("old", ["gamma", "ghost"])
def test_a_name_that_another_agent_has_is_refused(tmp_path: Path, old: str, end: list[str]) -> None:
    for name in ("beta", "gamma", "gamma-2", "ghost-2"):
        Registry(tmp_path).save(Enrolled(name, enrolled_at=5.0))
    error = refused(tmp_path, old, "beta", *end)
    assert error.what == "beta is another agent"
    assert "--finish" not in error.remedy
    assert error.remedy.startswith(f"fleet agent rename {old} {old}-3, or another")


@pytest.mark.parametrize(("old", "new"), [("alpha", "gamma"), ("beta", "gamma"), ("beta", "delta")])
def test_a_second_rename_waits_for_the_first(tmp_path: Path, old: str, new: str) -> None:
    Registry(tmp_path).save(Enrolled("alpha", enrolled_at=5.0))
    Registry(tmp_path).save(Enrolled("beta", enrolled_at=6.0, succeeds="alpha"))
    error = refused(tmp_path, old, new)
    assert error.what == "the rename of alpha to beta is not finished"
    assert error.remedy.startswith("fleet agent rename alpha beta --finish, or")


def test_a_rename_that_is_pending_is_ended_by_finish(tmp_path: Path) -> None:
    Registry(tmp_path).save(Enrolled("alpha", enrolled_at=5.0))
    Registry(tmp_path).save(Enrolled("beta", enrolled_at=6.0, succeeds="alpha"))
    error = refused(tmp_path, "alpha", "beta")
    assert error.remedy == "fleet agent rename alpha beta --finish ends alpha"


def test_a_namesake_that_was_enrolled_later_is_not_who_was_renamed(tmp_path: Path) -> None:
    Registry(tmp_path).save(Enrolled("beta", enrolled_at=6.0, succeeds="alpha"))
    Registry(tmp_path).save(Enrolled("alpha", enrolled_at=7.0))
    assert refused(tmp_path, "alpha", "beta", "--finish").what == "beta is another agent"
