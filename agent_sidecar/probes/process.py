"""Process plane: is the agent's process there, since when, and what does it use?

It also watches: on Linux a pidfd becomes readable the moment the process dies, so that the alert
does not wait for the next bus heartbeat.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.pid_namespace import is_apart
from agent_sidecar.probes.processes import Process, Table, table
from agent_sidecar.probes.restarts import Restarts
from fleet.contract.named_process import FindPid, may_name
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

if TYPE_CHECKING:
    from agent_sidecar.inotify import DirectoryWatch

_MAX_PID_FILE: Final = 64 * 1024
"""Bytes: a pid file is small; nanobot's holds a JSON object."""


class ProcessProbe:
    """Looks at one process and its children.

    Args:
        find: asked at each look, since a restarted agent has another pid.
        described: in plain words, what `find` reads.
        elsewhere: whether something proves that the agent lives though its process is not to be
            seen, as in another PID namespace, or why nobody can tell: then the answer is
            `unknown`, not dead.
        supervised: what our own supervisor writes down; its folder is watched for the next start.
        appears_in: the folder, if there is one, where a file of the agent's own names its process
            at its start; before its first start, the one where that folder will be made.
    """

    plane = Plane.PROCESS.value
    name = "process"
    timeout = 5.0
    ignores = "all else in arguments, environment, open files and memory of the process"

    def __init__(
        self,
        find: FindPid,
        described: str,
        elsewhere: Callable[[], bool | str] = lambda: False,
        processes: Table | None = None,
        supervised: PidFile | None = None,
        appears_in: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self._find = find
        self._supervised = supervised
        self._appears_in = (lambda: supervised.path.parent) if supervised else appears_in
        self._births: DirectoryWatch | None = None
        self._births_in: Path | None = None
        self._looking = threading.Lock()
        self._elsewhere = elsewhere
        self._table = processes or table()
        self._known: Process | None = None
        self._watched: int | None = None
        self._restarts = Restarts(self.name)
        self.reads = f"{described}; state, age, memory, CPU time and children of that process"

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when the process ends or comes back (Linux)."""
        return self._births.fileno() if self._births else self._watched

    def is_news(self) -> bool:
        """A file in the folder where its own will appear is none until it names a process: whoever
        writes there would have us beat all the time."""
        if self._births is None or self._supervised:
            return True
        if not self._looking.acquire(blocking=False):  # a look hangs
            return False
        try:
            self._births.drain()
            if (folder := self._appears_in()) and folder != self._births_in:
                self._await_birth(folder)
            return self._find() is not None
        finally:
            self._looking.release()

    def run(self) -> ProbeResult:
        with self._looking:
            return self._run()

    def _run(self) -> ProbeResult:
        if self._births is not None:
            self._births.drain()  # before the look: whatever comes after it wakes us again
        process = self._look()
        if process is None and (folder := self._appears_in()) and folder != self._births_in:
            self._await_birth(folder)
            process = self._look()  # it may have come back just before we watched
        now = time.monotonic()
        self._count_restarts(process, now)
        if process is None:
            self._unwatch()
            return self._absent(now)
        self._known = process
        self._close_births()
        family = [process, *self._table.descendants(process.pid)]
        return ProbeResult(
            self.plane,
            Check.WARN if process.stopped else Check.PASS,
            [self._down(firing=False), self._restarts.evidence(now)],
            metrics={
                "memory_bytes": sum(one.memory for one in family),
                "cpu_seconds_total": round(sum(one.cpu for one in family), 2),
                "processes": len(family),
                "restarts_total": self._restarts.total,
            },
            uptime=process.uptime,
        )

    def _look(self) -> Process | None:
        """The agent's process, alive and watched."""
        pid = self._find()
        process = None if pid is None else self._table.look(pid)
        if process is None or process.dead or not self._watch(process):
            return None
        return process

    def _count_restarts(self, process: Process | None, now: float) -> None:
        """Our own supervisor knows each of them, also those that no look of ours saw."""
        told = self._supervised.restarts() if self._supervised else None
        if told is not None:
            self._restarts.told(*told)
        elif process and self._known and self._known.identity != process.identity:
            self._restarts.happened(now)

    def _absent(self, now: float) -> ProbeResult:
        # One that was here and is gone is dead, whoever answers on its port by now.
        unseen = self._known is None and self._elsewhere()
        evidence = [self._down(firing=None if unseen else True), self._restarts.evidence(now)]
        why = "it lives where its process cannot be seen: another container?" if unseen else ""
        if isinstance(unseen, str):
            why = unseen
        check = Check.UNKNOWN if unseen else Check.FAIL
        return ProbeResult(self.plane, check, evidence, why=why)

    def _await_birth(self, folder: Path) -> None:
        self._close_births()
        self._births_in = folder
        with suppress(ImportError, OSError):  # not Linux: the next round sees it
            from agent_sidecar.inotify import DirectoryWatch

            self._births = DirectoryWatch(folder, made=True)

    def _close_births(self) -> None:
        self._births_in = None
        if self._births is not None:
            self._births.close()
            self._births = None

    def _watch(self, process: Process) -> bool:
        """Have its end wake us; False: it has just ended, and nothing would."""
        if self._known is not None and self._known.identity == process.identity:
            return True
        self._unwatch()
        if hasattr(os, "pidfd_open"):
            try:
                self._watched = os.pidfd_open(process.pid)
            except ProcessLookupError:
                return False
            except OSError:  # not allowed: the next round sees it
                pass
        return True

    def _unwatch(self) -> None:
        """A dead process stays readable: watched any longer, it would keep the sidecar awake."""
        descriptor, self._watched = self._watched, None
        if descriptor is not None:
            os.close(descriptor)

    def _down(self, *, firing: bool | None) -> AlertEvidence:
        return AlertEvidence(
            AlertCode.PROCESS_DOWN.value, firing, Severity.CRITICAL, source=self.name
        )


class PidFile:
    """A file with a process id: a bare number, or `pid` of a JSON object. Whoever can write it
    can name a process of his own only.

    Our own supervisor's also holds `restarts` and, of the last ones, `restarted` (monotonic s).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> int | None:
        value = self._load()
        pid = value.get("pid") if isinstance(value, dict) else value
        if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
            return None
        if pid == 1 and is_apart():  # the agent's own process 1; ours is the sidecar
            return None
        return pid if may_name(self.path, pid) else None

    def restarts(self) -> tuple[int, list[float]] | None:
        """How often our supervisor has started it again, and when lately; None: it is not ours."""
        value = self._load()
        if not isinstance(value, dict) or "restarted" not in value:
            return None
        try:
            return int(value["restarts"]), [float(moment) for moment in value["restarted"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def _load(self) -> Any:
        try:
            return json.loads(read_plain(self.path, _MAX_PID_FILE))
        except (OSError, ValueError, RecursionError):
            return None


def by_name(name: str, processes: Table | None = None) -> FindPid:
    """The oldest process of that name: an agent's helpers are younger than it.

    The one found is kept while it lives, since a look at the whole table costs milliseconds.
    """
    look_at = processes or table()
    known: Process | None = None

    def find() -> int | None:
        nonlocal known
        again = look_at.look(known.pid) if known else None
        if known is None or again is None or again.dead or again.identity != known.identity:
            found = (look_at.look(pid) for pid in look_at.named(name))
            known = next((one for one in found if one and not one.dead), None)
        return known.pid if known else None

    return find
