"""A process that a file names: who can write the file must own the process.

Otherwise whoever may write a pid file has us signal, watch or believe any process of the machine.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from fleet.contract.trusted_path import who_may_change

FindPid = Callable[[], int | None]
"""Says which process is meant now, or None where it cannot be found."""


def may_name(path: Path, pid: int) -> bool:
    """Whether the file at `path` may speak for the process: nobody but root and us can change
    what it says, or else all who can are the process's own users."""
    try:
        writers = who_may_change(path)
    except OSError:
        return False
    return not writers or (bool(found := owners(pid)) and found <= writers)


def owners(pid: int) -> frozenset[int]:
    """The real, effective and saved user ids of a process; empty where there is none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return frozenset() if Path("/proc/self/status").exists() else _by_ps(pid)
    line = next((line for line in status.splitlines() if line.startswith("Uid:")), "")
    return frozenset(map(int, line.split()[1:4]))


def send(find: FindPid, number: signal.Signals) -> None:
    """Signal the process that `find` gives.

    It is asked again once the process is held (Linux), so that another one that gets the number
    between the look and the signal is left alone.

    Raises:
        ProcessLookupError: there is none, or it has just ended.
        OSError: the system refuses.
    """
    pid = find()
    if pid is None:
        raise ProcessLookupError(3, os.strerror(3))
    if not hasattr(os, "pidfd_open"):
        os.kill(pid, number)
        return
    process = os.pidfd_open(pid)
    try:
        if find() != pid:
            raise ProcessLookupError(3, os.strerror(3))
        signal.pidfd_send_signal(process, number)
    finally:
        os.close(process)


def _by_ps(pid: int) -> frozenset[int]:
    """macOS and the BSDs."""
    import subprocess

    argv = ["ps", "-o", "ruid=,uid=", "-p", str(pid)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=4, check=False)
        return frozenset(map(int, done.stdout.split()))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return frozenset()
