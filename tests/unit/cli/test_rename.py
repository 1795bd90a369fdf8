"""A rename makes two agents one only where the second was made by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet import leaving
from fleet.cli.main import fleet
from fleet.contract.errors import ConfigError
from fleet.provisioning.lock_out import Step
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


@pytest.mark.parametrize(
    ("kind", "heir"),
    [("nats", Enrolled("beta", enrolled_at=6.0)),
     ("mosquitto", Enrolled("beta", enrolled_at=6.0, succeeds="alpha"))],
    ids=["enrolled by hand", "a rename that broke off"],
)  # fmt: skip
def test_before_the_old_name_goes_the_new_one_has_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, heir: Enrolled
) -> None:
    registry = Registry(tmp_path)
    registry.save(Enrolled("alpha", enrolled_at=5.0, can=("research",)))
    registry.save(heir)
    seen: list[tuple[str, tuple[str, ...]]] = []

    async def rename(*_: object) -> leaving.Gone:
        found = (registry.agents() or {})["beta"]
        seen.append((found.work_group, found.can))
        return leaving.Gone([])

    async def revoke(*_: object, **__: object) -> list[Step]:
        return []

    monkeypatch.setattr(leaving, "rename", rename)
    monkeypatch.setattr(leaving, "revoke", revoke)
    environ = {"FLEET_HOME": str(tmp_path), "FLEET_BROKER_KIND": kind}
    words = ["agent", "rename", "alpha", "beta", "--finish"]
    done = CliRunner().invoke(fleet, words, env=environ)
    assert done.exit_code == 0, done.output
    assert seen == [("alpha", ("research",))]


def test_a_namesake_that_was_enrolled_later_is_not_who_was_renamed(tmp_path: Path) -> None:
    Registry(tmp_path).save(Enrolled("beta", enrolled_at=6.0, succeeds="alpha"))
    Registry(tmp_path).save(Enrolled("alpha", enrolled_at=7.0))
    assert refused(tmp_path, "alpha", "beta", "--finish").what == "beta is another agent"
