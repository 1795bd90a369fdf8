"""A state directory knows where it was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent_sidecar.state import origin as module
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.state.origin import FILE, Origin, Place, place

NOON = 1_800_000_000.0


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "lock").touch()
    Origin(folder, place(folder))
    return folder


def machine(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str | None) -> None:
    """This machine has the id `text`; None: none."""
    path = folder / "machine-id"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(module, "MACHINE_IDS", (folder / "absent", path))


def test_the_same_directory_is_at_home_whatever_else_changes(made: Path) -> None:
    (made / "session.json").write_text("{}")
    assert Origin(made, place(made)).why == ""


def test_a_directory_that_was_renamed_is_at_home(made: Path) -> None:
    moved = made.rename(made.with_name("moved"))
    assert Origin(moved, place(moved)).why == ""


def test_a_copy_says_so_until_its_link_has_lasted(made: Path) -> None:
    copy = Path(shutil.copytree(made, made.with_name("copy")))
    origin = Origin(copy, place(copy))
    assert "copy" in origin.why
    assert "copy" in Origin(copy, place(copy)).why
    origin.confirm()
    assert origin.why == Origin(copy, place(copy)).why == ""
    assert Origin(made, place(made)).why == ""


def test_another_machine_is_told_by_its_id_which_stays_private(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, tmp_path, "0" * 31 + "1\n")
    Origin(made, place(made)).confirm()
    assert "0" * 31 not in (made / FILE).read_text()
    machine(monkeypatch, tmp_path, "0" * 31 + "2\n")
    assert "another machine" in Origin(made, place(made)).why


@pytest.mark.parametrize("text", [None, "", "uninitialized\n", "0" * 32 + "\n", "\xff\n"])
def test_a_container_without_a_machine_id_is_at_home_in_its_volume(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    machine(monkeypatch, tmp_path, text)
    assert place(made).machine is None
    assert Origin(made, place(made)).why == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"machine": 5, "lock": "x"}', "null"])
def test_a_damaged_or_missing_note_is_written_anew(made: Path, text: str) -> None:
    (made / FILE).write_text(text)
    assert Origin(made, place(made)).why == ""
    assert json.loads((made / FILE).read_text())["lock"] == place(made).lock


def test_a_full_disk_costs_only_the_note(
    made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replace_text", full)
    origin = Origin(made, Place("elsewhere", 1))
    assert origin.why
    origin.confirm()
    assert "No space left" in caplog.text


def test_a_one_shot_run_does_not_go_on_with_the_session_of_a_copied_state(tmp_path: Path) -> None:
    """Two that number alike would be taken for repetitions of one another."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "lock").touch()
    first = StateDirectory.open(home, NOON, resume=True)
    first.close()
    copy = Path(shutil.copytree(home, tmp_path / "copy"))
    again = StateDirectory.open(home, NOON + 1, resume=True)
    other = StateDirectory.open(copy, NOON + 1, resume=True)
    assert again.session.boot == first.session.boot
    assert other.session.boot > first.session.boot
    again.close()
    other.close()
