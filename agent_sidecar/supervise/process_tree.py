"""Which processes belong to a supervised agent, whoever their parent is by now, and their end.

A process belongs to it if it is on record, or carries our mark in its environment (Linux), or is
in the process group of one on record, or descends from any of these. A process that clears its
environment and begins a session of its own, and whose parents have ended, is not found.

A record is believed in the very folder that it was written in: in a copy of it, as a backup or
`cp -a` makes, it names the processes of another supervisor, which may be at work.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept, replace_text
from agent_sidecar.supervise.process_table import Row, look, marked

MARK: Final = "FLEET_EXEC"
"""Environment variable of an agent and of what it starts: its supervisor's folder. The sidecar is
without: what it starts is a reload action, and that may start what is not ours."""

AGENT: Final = "agent"
SIDECAR: Final = "sidecar"
ROLES: Final = (AGENT, SIDECAR)

_FOLDER: Final = "folder"
"""Beside the roles in the record: inode and device of its folder. No copy has the same."""

LEFTOVERS: Final = 2.0
"""Seconds that what an agent left behind has to end before it is killed, and then to be gone."""


class ProcessTree:
    """What runs for the supervisor that keeps its state in `folder`, by role."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "children"

    @property
    def mark(self) -> dict[str, str]:
        """What the agent's environment must hold."""
        return {MARK: str(self._folder.resolve())}

    def record(self, children: Mapping[str, int]) -> None:
        """Write down the children that live, by role: the next supervisor may need it.

        Raises:
            OSError: full disk, or no right to write.
        """
        rows = look(children.values())
        said = {role: (pid, rows[pid].began) for role, pid in children.items() if pid in rows}
        replace_text(self._path, json.dumps({**said, _FOLDER: self._here()}))

    def members(self, roles: Sequence[str] = ROLES, *, fresh: bool = False) -> dict[int, Row]:
        """Who lives of it, without this process and its ancestors.

        `fresh`: the record is of a moment ago, so that the group of a child that has ended is
        still its own; else the number may have gone to others.
        """
        rows = look()
        mark = os.fsencode(f"{MARK}={self.mark[MARK]}")
        found = {pid for pid in rows if marked(pid, mark)} if AGENT in roles else set()
        groups = set()
        recorded, ours = self._recorded()
        for role, (pid, began) in recorded.items():
            if not (ours or pid in found):
                continue
            if role in roles and (rows[pid].began == began if pid in rows else fresh):
                groups.add(pid)
        found |= {row.pid for row in rows.values() if row.group in groups or row.pid in groups}
        _add_descendants(found, rows)
        return {pid: rows[pid] for pid in found - _ancestors(rows) if not rows[pid].dead}

    def of_others(self) -> list[int]:
        """The pids on record that live and cannot be shown to be ours: the record is a copy, or of
        a version that did not write down where it was made."""
        recorded, ours = self._recorded()
        if ours:
            return []
        rows, members = look(pid for pid, _ in recorded.values()), self.members()
        living = {(pid, row.began) for pid, row in rows.items() if not row.dead}
        return sorted({pid for pid, _ in living & set(recorded.values())} - members.keys())

    def end_all(self, *, fresh: bool = False) -> list[int]:
        """Kill all of it; the pids of those that are still there.

        Nobody is asked first: the kernel did not ask the agent either. So the sidecar says no
        goodbye, its will is published, and the fleet hears of a death and not of a stop.
        """
        return end(lambda: self.members(fresh=fresh), [signal.SIGKILL])

    def _here(self) -> tuple[int, str]:
        """What tells the folder from a copy of it.

        Raises:
            OSError: it is not there.
        """
        status = self._folder.stat()
        return status.st_ino, str(status.st_dev)

    def _recorded(self) -> tuple[dict[str, tuple[int, str]], bool]:
        """What the file says by role, and whether it was written in this folder; an unreadable
        one is as good as none, and said."""

        def parsed(stored: dict[str, Any]) -> dict[str, tuple[int, str]]:
            return {str(role): (int(pid), str(began)) for role, (pid, began) in stored.items()}

        said = read_kept(self._path, parsed, "a list of processes") or {}
        made = said.pop(_FOLDER, None)
        try:
            return said, made is not None and made == self._here()
        except OSError:  # it was removed just now
            return said, False


def end(
    members: Callable[[], Mapping[int, Row]],
    numbers: Sequence[int] = (signal.SIGTERM, signal.SIGKILL),
) -> list[int]:
    """Ask for the end of `members`, then force it; the pids of those that are still there.

    They are looked for again and again: one that is about to end may still start another.
    """
    for number in numbers:
        until = time.monotonic() + LEFTOVERS
        told: set[int] = set()
        while found := members():
            for pid in found.keys() - told:
                with suppress(ProcessLookupError, PermissionError):  # ended, or not ours to end
                    os.kill(pid, number)
            told |= found.keys()
            if time.monotonic() >= until:
                break
            _wait_for(found.values(), until)
        else:
            return []
    return sorted(members())


def _wait_for(rows: Iterable[Row], until: float) -> None:
    waiting = {row.pid: row.began for row in rows}
    while waiting and time.monotonic() < until:
        time.sleep(0.01)
        now = look(waiting)
        for pid, began in list(waiting.items()):
            if pid not in now or now[pid].dead or now[pid].began != began:
                del waiting[pid]


def _add_descendants(found: set[int], rows: Mapping[int, Row]) -> None:
    grown = True
    while grown:
        born = {row.pid for row in rows.values() if row.parent in found} - found
        found |= born
        grown = bool(born)


def _ancestors(rows: Mapping[int, Row]) -> set[int]:
    """This process, its parent and so on."""
    pid = os.getpid()
    found = {pid}
    while pid in rows and (pid := rows[pid].parent) not in found:
        found.add(pid)
    return found
