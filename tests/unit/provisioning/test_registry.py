"""The list of enrolled agents."""

from __future__ import annotations

import stat
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
    gone = (registry.everyone() or {})["alpha"]
    assert (gone.revoked_at, gone.accounts, gone.serials) == (9.0, (), ())


def test_a_damaged_list_is_an_error_and_not_an_empty_fleet(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text('{"agents": [{"name": "alpha", "kind": "toaster"}]}')
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is damaged"):
        Registry(tmp_path).agents()
