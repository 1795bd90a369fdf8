"""The agent's process: there or not, since when, how much memory and CPU.

Reads numbers of /proc on Linux and of `ps` elsewhere; never a command line's arguments, except to
find the process by the name of its program.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_sidecar.probes.base import Finding, Sign
from fleet.contract.words import AlertCode, Check, Plane, Severity

FindPid = Callable[[], int | None]

_PROC: Final = Path("/proc")
_STOPPED: Final = frozenset("Tt")
_DEAD: Final = frozenset("ZX")
_MAX_PID_FILE: Final = 64 * 1024
"""Bytes: a pid file is small; nanobot's holds a JSON object."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the system says of one process: seconds, bytes, one letter of state."""

    state: str
    uptime: float
    memory: int
    cpu: float


class ProcessProbe:
    """Watches one process, found anew at each look: a restarted agent has another pid."""

    plane = Plane.PROCESS.value
    name = "process"
    timeout = 5.0
    ignores = "arguments and environment of the process"

    def __init__(self, find: FindPid, described: str) -> None:
        self._find = find
        self._watched: tuple[int, int] | None = None
        self.reads = f"state, start, memory and CPU time of {described}"

    def run(self) -> Finding:
        pid = self._find()
        vitals = None if pid is None else vitals_of(pid)
        if pid is None or vitals is None or vitals.state in _DEAD:
            return Finding(self.plane, Check.FAIL, [_down(True)])
        self._watch(pid)
        stopped = vitals.state in _STOPPED
        return Finding(
            self.plane,
            Check.WARN if stopped else Check.PASS,
            [_down(False)],
            metrics={"memory_bytes": vitals.memory, "cpu_seconds_total": round(vitals.cpu, 2)},
            uptime=vitals.uptime,
        )

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when the process ends (Linux)."""
        return self._watched[1] if self._watched else None

    def _watch(self, pid: int) -> None:
        if self._watched and self._watched[0] == pid:
            return
        if self._watched:
            os.close(self._watched[1])
            self._watched = None
        if hasattr(os, "pidfd_open"):
            with suppress(OSError):
                self._watched = (pid, os.pidfd_open(pid))


def _down(firing: bool) -> Sign:
    return Sign(AlertCode.PROCESS_DOWN.value, firing, Severity.CRITICAL)


def by_pid_file(path: Path) -> FindPid:
    """The pid in a file: a bare number, or `pid` of a JSON object."""

    def find() -> int | None:
        try:
            with path.open("rb") as stream:
                text = stream.read(_MAX_PID_FILE)
            value = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return None
        pid = value.get("pid") if isinstance(value, dict) else value
        return pid if isinstance(pid, int) and not isinstance(pid, bool) and pid > 0 else None

    return find


def by_name(name: str) -> FindPid:
    """The oldest process whose program (or script) is called `name`, zombies left out."""

    def find() -> int | None:
        candidates = _named_in_proc(name) if _PROC.is_dir() else _named_by_ps(name)
        return min(candidates, default=None)

    return find


def vitals_of(pid: int) -> Vitals | None:
    """What the system says of `pid`, or None if there is no such process."""
    return _from_proc(pid) if _PROC.is_dir() else _from_ps(pid)


def _from_proc(pid: int) -> Vitals | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
        since_boot = float((_PROC / "uptime").read_text().split()[0])
    except (OSError, ValueError):
        return None
    # The second field is the name in brackets and may itself hold blanks and brackets.
    fields = text.rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    cpu = (int(fields[11]) + int(fields[12])) / ticks
    uptime = max(0.0, since_boot - int(fields[19]) / ticks)
    return Vitals(fields[0], uptime, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), cpu)


def _named_in_proc(name: str) -> Iterator[int]:
    own = os.getpid()
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == own:
            continue
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")[:3]
            programs = {Path(os.fsdecode(word)).name for word in words if word}
            # An interpreter's first argument is the script; a module stands behind -m.
            if name in programs:
                yield int(entry.name)


def _ps(*arguments: str) -> str:
    done = subprocess.run(
        ["ps", *arguments], capture_output=True, text=True, timeout=4, check=False
    )
    return done.stdout


def _from_ps(pid: int) -> Vitals | None:
    fields = _ps("-o", "state=,etime=,rss=,time=", "-p", str(pid)).split()
    if len(fields) != 4:
        return None
    return Vitals(fields[0][0], _seconds(fields[1]), int(fields[2]) * 1024, _seconds(fields[3]))


def _named_by_ps(name: str) -> Iterator[int]:
    for line in _ps("-axo", "pid=,comm=").splitlines():
        pid, _, program = line.strip().partition(" ")
        if pid.isdecimal() and Path(program.strip()).name == name:
            yield int(pid)


def _seconds(text: str) -> float:
    """`[[days-]hours:]minutes:seconds` as ps prints it."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86_400 * int(days or 0)
