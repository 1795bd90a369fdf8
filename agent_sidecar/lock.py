"""One sidecar, and one supervisor, at a time for one agent: an flock on a folder of its own.

The kernel drops the lock when the holder dies, so there is no stale lock to clean up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent_sidecar import lease
from fleet.contract import trusted_path
from fleet.contract.errors import FleetError

FILE = "lock"
"""The lock, in the folder that it locks; dated by `lease` for who cannot ask the kernel."""


class AlreadyRunning(FleetError):
    """Another process holds the folder."""


class StateUnusable(FleetError):
    """The folder cannot be made or written."""


@contextmanager
def exclusive(folder: Path, wait: float = 0.0, other: str = "another sidecar") -> Iterator[None]:
    """Hold `folder` for this process and those that it forks; try for `wait` seconds.

    `other` says who else could hold it.

    Raises:
        AlreadyRunning: another process holds it.
        StateUnusable: the folder cannot be made or written.
    """
    handle = _open(folder)
    try:
        deadline = time.monotonic() + wait
        while not _taken(handle):
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
                raise AlreadyRunning(
                    f"{other} is at work in {folder}",
                    f"process {holder} holds its lock",
                    "give this one another FLEET_AGENT or FLEET_HOME, or stop the other",
                )
            time.sleep(0.05)
        with suppress(OSError):  # a full disk: the lock holds without a word of whose it is
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        lease.renew(handle)
        try:
            yield
        finally:
            lease.end(handle)
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    try:
        trusted_path.make_folder(folder)
        trusted_path.require(folder)
        return trusted_path.open_file(folder / FILE, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StateUnusable(
            f"the state directory {folder} is not usable",
            error.strerror or "",
            "set FLEET_HOME to a directory this user may write",
        ) from None


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
