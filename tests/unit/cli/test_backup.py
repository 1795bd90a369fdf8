"""Copies of the store in a folder: how many stay, whatever the clock called them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet.cli.main import fleet
from fleet.store.port import StoreError
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.backup import back_up as copy_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "home")
    store.open()
    assert store._database
    store._database.close()
    folder = tmp_path / "copies"
    folder.mkdir(mode=0o700)
    return folder


def back_up(folder: Path, keep: int) -> Result:
    environ = {"FLEET_HOME": str(folder.parent / "home")}
    done = CliRunner().invoke(fleet, ["backup", "--keep", str(keep), str(folder)], env=environ)
    assert done.exit_code == 0, done.output
    return done


def test_the_copy_just_made_stays_though_others_are_dated_later(folder: Path):
    ahead = folder / "fleet-20990101T000000Z.db"
    ahead.write_bytes(b"")
    said = back_up(folder, 1).output
    [made] = folder.iterdir()
    assert made != ahead
    assert made.name in said
    assert "a clock was wrong" in said


def test_the_newest_of_the_others_stay(folder: Path):
    for year in (2001, 2002, 2003):
        (folder / f"fleet-{year}0101T000000Z.db").write_bytes(b"")
    back_up(folder, 2)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 2
    assert names[0] == "fleet-20030101T000000Z.db"


def test_what_a_backup_that_was_killed_left_goes_with_the_next_and_a_living_one_stays(
    folder: Path,
):
    store = folder.parent / "home" / FILE_NAME
    killed, living = folder / ".fleet-backup-killed", folder / ".fleet-backup-living"
    for left in (killed, living):
        left.mkdir()
        (left / "copy.db").write_text("half")
    handle = os.open(living, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        copy_store(store, folder / "copy.db")
        assert sorted(path.name for path in folder.iterdir()) == [living.name, "copy.db"]
    finally:
        os.close(handle)
    copy_store(store, folder / "copy.db")
    assert [path.name for path in folder.iterdir()] == ["copy.db"]


def test_a_damaged_store_does_not_push_out_a_good_copy(folder: Path):
    store, copy = folder.parent / "home" / FILE_NAME, folder / "copy.db"
    copy_store(store, copy)
    good = copy.read_bytes()
    store.write_bytes(b"")
    with pytest.raises(StoreError, match="is damaged"):
        copy_store(store, copy)
    assert copy.read_bytes() == good
