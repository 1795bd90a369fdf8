"""A folder of one program's own beside what it makes, so that nothing half made has its name.

SQLite writes journals beside a database, whose names others could know; and whoever is killed
leaves a folder behind, which the next one removes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = ".fleet-backup-"


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new folder (0700) in the one of `target`, which was judged; gone with the block. It is held
    as long as we live.

    Raises:
        OSError: it cannot be made.
    """
    _remove_left_over(target.parent)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=target.parent) as name:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _remove_left_over(folder: Path) -> None:
    """Remove the folders of ours that no living backup holds."""
    for path in folder.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # no folder, or it is gone already
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:  # another one is at work
            pass
        finally:
            os.close(handle)
