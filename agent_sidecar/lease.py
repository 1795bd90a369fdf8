"""A sign of life in a file's date, for programs that can do no more than look at files.

A sidecar at work dates a mark of its own some seconds ahead, again and again. Whoever finds it
newer than a file that was written just now knows that the sidecar lives: a shell does that without
a fork, and in another container, where process numbers and locks mean nothing. A stop dates it
back. Whoever was killed seems to live until its lease ends.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

RENEWAL: Final = 12.0
"""Seconds between two renewals at most: nobody waits for them, and a wake-up costs."""

LEASE: Final = 30.0
"""Seconds that a mark is dated ahead: two renewals may be late, as on a slow disk. For so long a
sidecar that was killed seems to live, and what is dropped meanwhile waits for the next one."""


def until() -> float:
    """When a lease that begins now ends (s since the epoch)."""
    return time.time() + LEASE


def renew(mark: int | Path | str, folder: int | None = None) -> None:
    """Date `mark` (a descriptor, a path, or a name in the open `folder`) ahead of now. One that is
    gone, or somebody else's, stays as it is: then nobody takes us for alive."""
    _date(mark, folder, until())


def end(mark: int | Path | str, folder: int | None = None) -> None:
    """Say that nobody is at work any more."""
    _date(mark, folder, time.time())


def is_held(mark: Path) -> bool:
    """Whether somebody is at work, by the clock of this machine."""
    try:
        return os.lstat(mark).st_mtime > time.time()
    except OSError:
        return False


def _date(mark: int | Path | str, folder: int | None, moment: float) -> None:
    with suppress(OSError):
        if isinstance(mark, int):
            os.utime(mark, (moment, moment))
        else:
            os.utime(mark, (moment, moment), dir_fd=folder, follow_symlinks=False)
