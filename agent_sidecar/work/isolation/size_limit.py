"""A file system of a bounded size over a folder, where we may mount one (root): the one bound on
`out/` that no trick with open or removed files gets around. It is memory.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

from agent_sidecar.work.out_size import MAX_ENTRIES

_FLAGS: Final = 2 | 4 | 8
"""MS_NOSUID, MS_NODEV, MS_NOEXEC."""

_DETACH: Final = 2
"""MNT_DETACH: also while somebody still has a file of it open."""


def limit_size(folder: Path, most: int, owner: int) -> None:
    """Mount it over `folder`, for `owner` alone.

    Raises:
        OSError: this process may not mount.
    """
    options = f"size={most},nr_inodes={MAX_ENTRIES},mode=0700,uid={owner},gid={owner}"
    done = _libc().mount(b"fleet-work", os.fsencode(folder), b"tmpfs", _FLAGS, options.encode())
    if done:
        number = ctypes.get_errno()
        raise OSError(number, f"no file system of a bounded size: {os.strerror(number)}")


def is_limited(folder: Path) -> bool:
    return os.path.ismount(folder)


def unlimit(folder: Path) -> None:
    """Take it away, with all that is in it.

    Raises:
        OSError: this process may not.
    """
    while is_limited(folder):
        if _libc().umount2(os.fsencode(folder), _DETACH):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
