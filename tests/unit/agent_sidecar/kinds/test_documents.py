"""Paths that agents' files name, and folders that are not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.kinds.documents import expanded, nearest


def test_a_tilde_is_the_agents_home_and_not_the_sidecars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/var/lib/fleet")
    hidden = Path("/home/bot/.nanobot")
    assert expanded("~/.nanobot/workspace", hidden) == Path("/home/bot/.nanobot/workspace")
    assert expanded("/srv/work", hidden) == Path("/srv/work")
    assert expanded("~/work", Path("/srv/bot")) == Path("/var/lib/fleet/work"), "nothing tells"
    assert expanded("", hidden) is None


def test_as_much_of_a_way_as_there_is(tmp_path: Path) -> None:
    folder = tmp_path / "home/run/deep"
    assert nearest(folder, tmp_path / "home") is None, "not above the top, however busy that is"
    for part in ("home", "home/run", "home/run/deep"):
        (tmp_path / part).mkdir()
        assert nearest(folder, tmp_path / "home") == tmp_path / part
