"""Another user of this machine, for tests that run as root."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

UID: Final = 12_345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def fork_as(uid: int, folder: Path, work: Callable[[], None]) -> int:
    """Start `work` as another user in `folder`, which only root needs to reach; its pid."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.umask(0)
        work()
        code = 0
    except PermissionError:
        code = 13
    finally:
        os._exit(code)


def run_as(uid: int, folder: Path, work: Callable[[], None]) -> int:
    """Do `work` as another user; 0, or 13 where it was not permitted."""
    return os.waitstatus_to_exitcode(os.waitpid(fork_as(uid, folder, work), 0)[1])
