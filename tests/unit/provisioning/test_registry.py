"""The list of enrolled agents."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.provisioning.registry import FILE, Enrolled, Registry

ALPHA = Enrolled("alpha", Kind.NANOBOT, {"site": "lab"}, ("edge",), ("alpha",), 5.0, None, ("a1",))


def test_without_a_list_nobody_is_a_ghost(tmp_path: Path) -> None:
    assert Registry(tmp_path).agents() is None
    assert Registry(tmp_path).version() == 0


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    Registry(tmp_path).create()
    assert Registry(tmp_path).agents() == {}


def test_what_is_put_is_read_back(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(ALPHA)
    assert registry.agents() == {"alpha": ALPHA}
    assert registry.group("edge") == ["alpha"]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_revoked_name_leaves_a_tombstone(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(ALPHA)
    registry.revoke("alpha", 9.0)
    assert registry.agents() == {}
    registry.revoke("alpha", 10.0)
    gone = (registry.everyone() or {})["alpha"]
    assert (gone.revoked_at, gone.accounts) == (9.0, ALPHA.accounts), "until all of it is gone"
    registry.forget_credentials("alpha")
    gone = (registry.everyone() or {})["alpha"]
    assert (gone.revoked_at, gone.accounts, gone.serials) == (9.0, (), ())


def test_who_is_enrolled_keeps_its_credentials(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(ALPHA)
    registry.forget_credentials("alpha")
    assert registry.agents() == {"alpha": ALPHA}


def test_a_rename_is_on_the_list_until_it_is_over(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(replace(ALPHA, succeeds="omega"))
    assert (registry.agents() or {})["alpha"].succeeds == "omega"
    registry.succeeded("alpha")
    assert registry.agents() == {"alpha": ALPHA}
    assert "succeeds" not in (tmp_path / FILE).read_text(), "an older release reads it"


def test_a_damaged_list_is_an_error_and_not_an_empty_fleet(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text('{"agents": [{"name": "alpha", "kind": "toaster"}]}')
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged"):
        Registry(tmp_path).agents()


def test_a_list_of_ten_thousand_agents_can_be_read_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.create()
    many = {
        f"agent-{number}": {
            "name": f"agent-{number}", "kind": "nanobot", "labels": {"site": "north"},
            "groups": ["workers"], "accounts": [f"agent-{number}-1"], "enrolled_at": 1.5,
            "revoked_at": None, "serials": ["ab" * 20],
        }
        for number in range(10_000)
    }  # fmt: skip
    (tmp_path / "agents.json").write_text(json.dumps({"agents": list(many.values())}, indent=1))
    registry.save(Enrolled("one-more"))
    assert len(registry.everyone() or {}) == 10_001


def test_what_an_agent_may_do_of_work_is_on_the_list_and_changes_alone(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(ALPHA)
    assert registry.allow("alpha", can=("research",)) == replace(ALPHA, can=("research",))
    registry.allow("alpha", may_delegate=True)
    kept = (registry.agents() or {})["alpha"]
    assert kept == replace(ALPHA, can=("research",), may_delegate=True)
    registry.allow("alpha", can=(), may_delegate=False)
    assert registry.agents() == {"alpha": ALPHA}
    assert "can" not in (tmp_path / FILE).read_text(), "an older release reads it"
    with pytest.raises(ConfigError, match="no agent beta is enrolled"):
        registry.allow("beta", can=("research",))


def test_a_list_whose_rights_are_of_another_type_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for field in ('"can": "research"', '"may_delegate": "yes"', '"can": [1]'):
        path.write_text(f'{{"agents": [{{"name": "alpha", "kind": "nanobot", {field}}}]}}')
        path.chmod(0o600)
        with pytest.raises(ConfigError, match="is damaged"):
            Registry(tmp_path).agents()


def test_the_group_of_work_is_the_first_one_else_nobody_elses() -> None:
    assert ALPHA.work_group == "edge"
    assert Enrolled("beta").work_group == "beta"
