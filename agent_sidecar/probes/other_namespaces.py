"""Processes of containers, seen from the host (Linux): their numbers and paths mean other things
there than here."""

from __future__ import annotations

import os
from pathlib import Path


def as_seen_by(pid: int | None, path: Path) -> Path:
    """Where `path`, as that process says it, is for us: the same, unless it has file systems of
    its own. Read there, and run nothing."""
    if pid is None or not path.is_absolute() or not has_own_files(pid):
        return path
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


def has_own_files(pid: int) -> bool:
    """Whether it lives in another mount namespace; False where we may not know."""
    try:
        ours, its = (os.stat(f"/proc/{who}/ns/mnt") for who in ("self", pid))  # noqa: PTH116
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) != (its.st_dev, its.st_ino)
