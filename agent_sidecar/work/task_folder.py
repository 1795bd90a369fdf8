"""The folder of one attempt: `in/` and `blackboard/` to read, `out/` to write, and its removal.

Our user alone can enter it from outside. What a worker left in it is hostile: nothing is followed,
and a tree of any depth or mode is removed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.work_vocabulary import BoardSection

PROGRESS: Final = ".progress"
"""In `out/`: a worker writes 0 to 100 into it, or touches it. No output begins with a point."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TaskFolder:
    """One attempt's files, below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.input = path / "in"
        self.board = path / "blackboard"
        self.out = path / "out"

    def make(self) -> None:
        """
        Raises:
            OSError: it cannot be made, or is there.
        """
        trusted_path.make_folder(self.path.parent)
        self.path.mkdir(0o700)
        for folder in (self.input, self.board, *(self.board / name for name in BoardSection)):
            folder.mkdir(0o700)

    def make_out(self, owner: tuple[int, int] | None) -> None:
        """The folder that is written: `owner`'s, else ours.

        Raises:
            OSError: it cannot be made.
        """
        self.out.mkdir(0o700, exist_ok=True)
        for name in BoardSection:
            (self.out / name).mkdir(0o700, exist_ok=True)
        if owner is not None:
            for folder in (self.out, *(self.out / name for name in BoardSection)):
                os.chown(folder, *owner)

    def open_out(self) -> None:
        """Let any user write who comes in; the folder above lets in none but us."""
        for folder in (self.out, *(self.out / name for name in BoardSection)):
            folder.chmod(0o777)

    def lay(self, place: str, fill: Callable[[int], None]) -> None:
        """A file to read, at `in/0` or `blackboard/SECTION/NAME`; `fill` writes it.

        Raises:
            OSError: it cannot be written.
        """
        handle = os.open(self.path / place, _NEW, 0o600)
        try:
            fill(handle)
        finally:
            os.close(handle)

    def close_for_writing(self) -> None:
        """From now on what was laid is read, by whoever is let in, and not written."""
        for folder in (self.input, self.board):
            for name, _, files in os.walk(folder):
                for file in files:
                    (Path(name) / file).chmod(0o444)
                Path(name).chmod(0o555)

    def let_in(self, owner: tuple[int, int]) -> None:
        """Let another user go through, and read; no others."""
        os.chown(self.path, -1, owner[1])
        self.path.chmod(0o710)

    def progress(self) -> int | None:
        """What the worker says, 0 to 100; None where it says nothing to believe."""
        try:
            handle = os.open(
                self.out / PROGRESS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            text = os.read(handle, 16).split(b"\n")[0].strip().removesuffix(b"%")
            return min(100, int(text)) if text.isdigit() else None
        except OSError:
            return None
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Take all of it away.

        Raises:
            OSError: some of it belongs to somebody else.
        """
        remove_tree(self.path)


def remove_tree(path: Path) -> None:
    """Remove a folder whatever is in it: no link is followed, and folders in folders are moved up
    one by one instead of descended into, since a path has an end and their depth has none.

    Raises:
        OSError: some of it belongs to somebody else, or is in use.
    """
    with suppress(FileNotFoundError):
        top = os.open(path, _FOLDER)
        try:
            os.fchmod(top, 0o700)
            counter = 0
            while folders := _without_files(top):
                for name in folders:
                    os.chmod(name, 0o700, dir_fd=top)
                    inner = os.open(name, _FOLDER, dir_fd=top)
                    try:
                        for deeper in _without_files(inner):
                            counter += 1
                            os.chmod(deeper, 0o700, dir_fd=inner)
                            os.rename(deeper, f"-{counter}", src_dir_fd=inner, dst_dir_fd=top)
                    finally:
                        os.close(inner)
                    os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        path.rmdir()


def _without_files(folder: int) -> list[str]:
    """The folders in a folder, whose other entries are removed."""
    folders = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            folders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return folders
