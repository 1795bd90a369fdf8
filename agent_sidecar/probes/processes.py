"""The process table: `/proc` on Linux, `ps` elsewhere.

Command lines and the place of a home tell which program of whom it is; nothing of them is sent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_INTERPRETERS: Final = ("python", "node", "bun", "deno", "ruby", "java", "dotnet", "sh", "bash")
"""Programs whose first argument names what really runs."""

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment.

    Attributes:
        ticks: of the clock, when it began, since boot; 0 where that is not known.
        uptime: s since it began.
        state: first letter of `ps`: R S D running, T stopped, Z dead but not collected.
        memory: bytes resident.
        cpu: s of processor time, with the children it has collected.
    """

    pid: int
    ticks: int
    uptime: float
    state: str
    memory: int
    cpu: float

    @property
    def identity(self) -> tuple[int, int]:
        """Tells this process from a later one of the same number."""
        return self.pid, self.ticks

    @property
    def dead(self) -> bool:
        return self.state in "ZX"

    @property
    def stopped(self) -> bool:
        return self.state in "Tt"


class Table(Protocol):
    """What a process probe asks of the system."""

    def look(self, pid: int) -> Process | None:
        """The process, or None where there is none of that number."""
        ...

    def named(self, name: str) -> list[int]:
        """Processes whose program or script is called `name`, the oldest first."""
        ...

    def descendants(self, pid: int) -> list[Process]: ...

    def numbered(self, pid: int, ticks: int) -> list[Process]:
        """Processes that began then, and that a PID namespace below ours knows as `pid`."""
        ...


class ProcTable:
    """Linux."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = str(root)

    def look(self, pid: int) -> Process | None:
        text = self._read(f"{pid}/stat")
        if not text:
            return None
        # The second field is the name in brackets and may itself hold blanks and brackets.
        fields = text.rpartition(b") ")[2].split()
        up = float(self._read("uptime").split()[0])
        ticks = int(fields[19])
        return Process(
            pid=pid,
            ticks=ticks,
            uptime=max(0.0, round(up - ticks / _TICK, 3)),
            state=chr(fields[0][0]),
            memory=int(fields[21]) * _PAGE,
            cpu=sum(map(int, fields[11:15])) / _TICK,
        )

    def named(self, name: str) -> list[int]:
        own = os.getpid()
        found = [
            process
            for pid in self._pids()
            if pid != own and self._matches(pid, name) and (process := self.look(pid))
        ]
        return [process.pid for process in sorted(found, key=lambda process: process.ticks)]

    def descendants(self, pid: int) -> list[Process]:
        found: list[Process] = []
        waiting = [pid]
        while waiting and len(found) < 1000:
            for child in self._children(waiting.pop()):
                process = self.look(child)
                if process is not None and not process.dead:
                    found.append(process)
                    waiting.append(child)
        return found

    def numbered(self, pid: int, ticks: int) -> list[Process]:
        found = (self.look(one) for one in self._pids() if self._inner(one) == pid)
        return [process for process in found if process and process.ticks == ticks]

    def _inner(self, pid: int) -> int | None:
        """The number of a process in its own namespace, where that is not ours."""
        for line in self._read(f"{pid}/status").splitlines():
            if line.startswith(b"NSpid:"):
                numbers = line.split()[1:]
                return int(numbers[-1]) if len(numbers) > 1 else None
        return None

    def _children(self, pid: int) -> Iterator[int]:
        try:
            threads = os.listdir(f"{self._root}/{pid}/task")  # noqa: PTH208  half the time of Path
        except OSError:
            return
        for thread in threads:
            yield from map(int, self._read(f"{pid}/task/{thread}/children").split())

    def _pids(self) -> Iterator[int]:
        return (int(name) for name in os.listdir(self._root) if name.isdigit())  # noqa: PTH208

    def _matches(self, pid: int, name: str) -> bool:
        if self._read(f"{pid}/comm").strip() == name[:15].encode():
            return True
        return runs(self._read(f"{pid}/cmdline").decode("utf-8", "replace").split("\0"), name)

    def _read(self, name: str) -> bytes:
        try:
            with open(f"{self._root}/{name}", "rb") as file:  # noqa: PTH123  half the time of Path
                return file.read(65_536)
        except OSError:  # it went away, or is not ours to look at
            return b""


class PsTable:
    """macOS and the BSDs; on Linux it serves the tests."""

    _COLUMNS: Final = "pid=,ppid=,state=,etime=,time=,rss=,args="

    def look(self, pid: int) -> Process | None:
        return next((process for process, _, _ in self._rows("-p", str(pid))), None)

    def named(self, name: str) -> list[int]:
        own = os.getpid()
        rows = [(row[0].uptime, row[0].pid) for row in self._rows("-ax") if runs(row[2], name)]
        return [pid for _, pid in sorted(rows, reverse=True) if pid != own]

    def descendants(self, pid: int) -> list[Process]:
        rows = [(process, parent) for process, parent, _ in self._rows("-ax")]
        family = {pid}
        found: list[Process] = []
        grown = True
        while grown:
            born = [row[0] for row in rows if row[1] in family and row[0].pid not in family]
            found += [process for process in born if not process.dead]
            family |= {process.pid for process in born}
            grown = bool(born)
        return found

    def numbered(self, pid: int, ticks: int) -> list[Process]:
        """There are no such namespaces."""
        return []

    def _rows(self, *which: str) -> Iterator[tuple[Process, int, list[str]]]:
        import subprocess

        argv = ["ps", "-ww", *which, "-o", self._COLUMNS]  # ww: whole lines
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=4, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return
        for line in done.stdout.splitlines():
            words = line.split()
            if len(words) < 7:
                continue
            pid, parent, state, elapsed, cpu, memory = words[:6]
            up = _clock(elapsed)
            yield (
                # A start time to the second is not to be had: the pid alone identifies.
                Process(int(pid), 0, up, state[0], int(memory) * 1024, _clock(cpu)),
                int(parent),
                words[6:],
            )


def table() -> Table:
    """The process table of this system."""
    return ProcTable() if sys.platform == "linux" else PsTable()


def command_line(pid: int) -> list[str]:
    """Its words, for a look at which program it is; empty where there is no `/proc`."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read(65_536).decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def home_of(pid: int) -> Path | None:
    """`HOME` of its environment, of which nothing else is kept; None where we may not look."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            words = file.read(65_536).split(b"\0")
    except OSError:
        return None
    found = next((word[5:] for word in words if word.startswith(b"HOME=/")), None)
    return None if found is None else Path(os.fsdecode(found))


def runs(argv: list[str], name: str) -> bool:
    """Whether a command line runs the program `name`, also as `python -m name` or a script.
    `NAME SUBCOMMAND` asks for that first argument too."""
    words = [word.strip() for word in argv[:5] if word.strip()]  # titles come padded
    if not words:
        return False
    program, blank, subcommand = name.partition(" ")
    if blank and words[0] != name:
        ends = (at for at in range(1, len(words)) if runs(words[:at], program))
        end = next(ends, None)
        return end is not None and words[end] == subcommand
    first = os.path.basename(words[0])  # noqa: PTH119
    if first == name:
        return True
    if not first.startswith(_INTERPRETERS) or len(words) < 2:
        return False
    if words[1] == "-m":
        return words[2:3] == [name]
    return os.path.splitext(os.path.basename(words[1]))[0] == name  # noqa: PTH119, PTH122


def _clock(text: str) -> float:
    """Seconds of `[[dd-]hh:]mm:ss[.cc]`."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)
