"""The folder of an attempt: what is laid is read-only, what is left is removed, however hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_sidecar.work.out_size import measure
from agent_sidecar.work.task_folder import TaskFolder, remove_tree


@pytest.fixture
def folder(tmp_path: Path) -> TaskFolder:
    made = TaskFolder(tmp_path / "tasks" / "one-1")
    made.make()
    made.make_out(None)
    return made


def test_what_is_laid_is_read_and_not_written(folder: TaskFolder) -> None:
    folder.lay("in/0", lambda handle: os.write(handle, b"x") and None)
    folder.lay("blackboard/final/a.md", lambda handle: os.write(handle, b"y") and None)
    folder.close_for_writing()
    assert (folder.input / "0").read_bytes() == b"x"
    assert (folder.input / "0").stat().st_mode & 0o777 == 0o444
    assert (folder.board / "final").stat().st_mode & 0o777 == 0o555
    with pytest.raises(FileExistsError):
        folder.lay("in/0", lambda _: None)
    folder.remove()
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("text", "progress"),
    [(b"40", 40), (b"40%\n50", 40), (b"400", 100), (b"-1", None), (b"", None), (b"\xff", None)],
)
def test_progress_is_a_number_up_to_100_or_nothing(
    folder: TaskFolder, text: bytes, progress: int | None
) -> None:
    (folder.out / ".progress").write_bytes(text)
    assert folder.progress() == progress


def test_progress_is_read_from_no_link_and_no_pipe(folder: TaskFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("77")
    (folder.out / ".progress").symlink_to(tmp_path / "secret")
    assert folder.progress() is None
    (folder.out / ".progress").unlink()
    os.mkfifo(folder.out / ".progress")
    assert folder.progress() is None


def test_a_tree_deeper_than_any_path_or_stack_is_removed(folder: TaskFolder) -> None:
    handle = os.open(folder.out, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", 0o700, dir_fd=handle)
        deeper = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    os.close(handle)
    assert measure(str(folder.out), 10**9)[2]
    folder.remove()
    assert not folder.path.exists()


def test_what_a_link_leads_to_stays(folder: TaskFolder, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    (folder.out / "link").symlink_to(kept)
    (folder.out / "closed").mkdir(0o000)
    remove_tree(folder.path)
    assert (kept / "file").read_text() == "x"
    assert not folder.path.exists()


def test_a_hole_in_a_file_counts_for_nothing_and_a_folder_in_disguise_is_not_entered(
    folder: TaskFolder, tmp_path: Path
) -> None:
    with (folder.out / "hole").open("wb") as stream:
        stream.truncate(10**12)
    (folder.out / "link").symlink_to("/usr")
    taken, _, more = measure(str(folder.out), 10**6)
    assert taken < 10**6
    assert not more
