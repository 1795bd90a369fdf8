"""Every process with its parent, its group and what tells it from a later one of its number.

The process probe has a table of its own: it asks of one process what it uses.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

PROC: Final = sys.platform == "linux"
"""Whether there is a /proc; elsewhere `ps` is asked."""

_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
_ENVIRONMENT: Final = 1024 * 1024
"""Bytes read of one: the kernel allows more, programs do not need it."""


class Row(NamedTuple):
    """A process at one moment. `began` is opaque: equal for the same process only."""

    pid: int
    parent: int
    group: int
    dead: bool
    began: str


def look(pids: Iterable[int] | None = None) -> dict[int, Row]:
    """The processes of these numbers, where there are any; without `pids`, all."""
    if pids is None:
        rows = _from_proc(_all_pids()) if PROC else _from_ps("-ax")
    elif numbers := list(pids):
        rows = _from_proc(numbers) if PROC else _from_ps("-p", ",".join(map(str, numbers)))
    else:
        rows = iter(())
    return {row.pid: row for row in rows}


def marked(pid: int, mark: bytes) -> bool:
    """Whether the environment that the process was started with holds `mark`, a `NAME=value`.
    Linux; elsewhere, and where it is not ours to read, that is not known."""
    if not PROC:
        return False
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  half the time of Path
            return mark in file.read(_ENVIRONMENT).split(b"\0")
    except OSError:
        return False


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def _from_proc(pids: Iterable[int]) -> Iterator[Row]:
    boot = _boot_id()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
                # The second field is the name in brackets and may hold blanks and brackets.
                fields = file.read(4096).rpartition(b") ")[2].split()
        except OSError:  # it went away
            continue
        if len(fields) > 19:
            state, parent, group = fields[0].decode(), int(fields[1]), int(fields[2])
            yield Row(pid, parent, group, state in "ZX", f"{boot}-{int(fields[19])}")


@cache
def _boot_id() -> str:
    """Ticks count from the boot: without it, one of the last boot could seem to be there."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""


def _from_ps(*which: str) -> Iterator[Row]:
    """macOS and the BSDs; a start is known to the second. On Linux it serves the tests."""
    argv = ["ps", *which, "-o", "pid=,ppid=,pgid=,state=,lstart="]
    environ = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=4, check=False, env=environ
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    for line in done.stdout.splitlines():
        pid, parent, group, state, *began = line.split()
        yield Row(int(pid), int(parent), int(group), state[0] in "ZX", " ".join(began))
