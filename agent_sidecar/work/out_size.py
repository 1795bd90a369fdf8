"""How much stands below a folder that somebody hostile fills: bounded, and no link followed."""

from __future__ import annotations

import os
from typing import Final

MAX_ENTRIES: Final = 2_000
"""Files and folders that a worker may have in `out/`: millions take minutes to remove."""

FLOOR: Final = 32 * 1024 * 1024
"""Bytes of a disk that a worker may not take: with less, nothing else on the machine works."""


def measure(folder: str, most: int) -> tuple[int, float, bool]:
    """(bytes, newest date, whether that is more than `most` bytes or too many entries).

    A file counts as what it takes on the disk: a hole is none of it.
    """
    taken, newest, entries = 0, 0.0, 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    if entries > MAX_ENTRIES:
                        return taken, newest, True
                    status = entry.stat(follow_symlinks=False)
                    taken += status.st_blocks * 512
                    newest = max(newest, status.st_mtime)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # it went away, closed itself to us, or is deeper than a path may be
            continue
    return taken, newest, taken > most or disk_is_full(folder)


def disk_is_full(folder: str, wanted: int = 0) -> bool:
    """Whether fewer than `wanted` bytes beyond the floor are free there. A small file system, as a
    worker's own one is, has no floor."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    return size > 8 * FLOOR and free < FLOOR + wanted
