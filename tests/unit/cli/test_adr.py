"""`fleet adr` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.cli.main import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path))
    monkeypatch.setenv("FLEET_ADR", str(tmp_path / "adr"))
    return tmp_path / "adr"


def test_new_prints_a_path_that_check_accepts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["adr", "new", "Watch the GPU"]) == 0
    assert capsys.readouterr().out == f"{folder / '0001-watch-the-gpu.md'}\n"
    assert run(["adr", "check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_names_each_problem_and_exits_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "gpu.md"
    mine.write_text("---\nstatus: accepted\nadds: {planes: [disk]}\n---\n")
    assert run(["adr", "check", str(mine)]) == 1
    assert capsys.readouterr().out == f"{mine}: 'disk' is in the contract already\n"
    mine.write_text("---\nstatus: accepted\nadds: {planes: [gpu]}\n---\n")
    assert run(["adr", "check", str(mine)]) == 0


def test_check_without_a_folder_is_an_error_with_a_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["adr", "check"]) == 3
    assert "Try: fleet adr new" in capsys.readouterr().err


def test_check_writes_the_index_on_request(folder: Path) -> None:
    assert run(["adr", "new", "One"]) == 0
    (folder / "README.md").write_text("stale")
    assert run(["adr", "check"]) == 1
    assert run(["adr", "check", "--write"]) == 0


def test_list_shows_status_and_added_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    (folder / "gpu.md").write_text("---\nstatus: accepted\nadds: {planes: [gpu]}\n---\n# GPU\n")
    assert run(["adr", "list", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"file": "gpu.md", "title": "GPU", "status": "accepted", "adds": "{planes: [gpu]}"}
    ]
    assert run(["adr", "list"]) == 0
    assert "accepted" in capsys.readouterr().out
