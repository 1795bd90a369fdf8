"""All processes below this one, exactly: who double-forks or starts a session is still below.

That holds for a subreaper (Linux): orphans become its children, so that once it has no child left,
nothing is left. Nothing else here is believed: not groups, not environments.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from agent_sidecar.supervise.process_table import look

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


_libc: Final = ctypes.CDLL(None, use_errno=True)
"""Loaded before any fork: in each worker's supervisor it would take 50 ms again."""


def _prctl(what: int, value: int) -> None:
    _libc.prctl(what, value, 0, 0, 0)


def become_subreaper() -> None:
    """Have orphans below this process become its children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """In a child: be killed when `parent` ends, however it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL.value)
    if os.getppid() != parent:  # it died before
        os._exit(127)


def children(pid: int) -> list[int]:
    """The children of a process, of each of its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except FileNotFoundError:
        if pid == os.getpid():  # a kernel without CONFIG_PROC_CHILDREN
            return [row.pid for row in look().values() if row.parent == pid]
    except OSError:  # it went away
        pass
    return found


def below(pid: int) -> Iterator[int]:
    """Everybody below `pid`, as far as can be seen while they come and go."""
    seen = {pid}
    waiting = children(pid)
    while waiting:
        child = waiting.pop()
        if child not in seen:
            seen.add(child)
            yield child
            waiting += children(child)


def usage(pids: list[int]) -> tuple[int, int]:
    """(tasks, bytes of memory) of these processes: a thread counts, as the kernel counts it, and
    pages that several share count for each."""
    tasks = memory = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read(4096).rpartition(b") ")[2].split()
        except OSError:
            continue
        tasks += int(fields[17])
        memory += int(fields[21]) * _PAGE
    return tasks, memory


def kill_all(group: int = 0, patience: float = 10.0) -> int:
    """Kill everybody below this process and collect them; how many are left after `patience` s.

    `group` first: one call ends a whole process group at once, so that none of it outruns us.
    """
    me = os.getpid()
    until = time.monotonic() + patience
    with suppress(OSError):  # our turn comes even among a hundred that fork
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    while True:
        for pid in below(me):
            with suppress(OSError):
                if os.getpgid(pid) == group:  # of nobody else's by now
                    os.killpg(group, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
        if not _collect():
            return 0
        if time.monotonic() >= until:
            return len(list(below(me)))
        time.sleep(0.002)


def _collect() -> bool:
    """Collect who ended; whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
