"""What a sidecar left that was killed together with everything that would have ended its workers:
processes, containers, units, mounts and folders. The next one ends and removes them first.

A process is found by the group on record, by the folder in its environment, and below either. One
that cleared its environment in a session of its own is not found, where all its ancestors are gone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept
from agent_sidecar.supervise.process_table import Row, look, marked
from agent_sidecar.supervise.process_tree import end
from agent_sidecar.work.isolation.base import Rung
from agent_sidecar.work.task_folder import TaskFolder
from fleet.contract import trusted_path

log = logging.getLogger(__name__)

NOTE: Final = ".worker"
"""Beside the folder of an attempt: which process its worker is."""


def note_worker(folder: Path, pid: int) -> None:
    """Put a worker on record; a full disk costs no more than the record."""
    row = look([pid]).get(pid)
    if row is not None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        try:
            # Not synced: after a crash of the machine there is no such process.
            handle = trusted_path.open_file(folder.with_name(folder.name + NOTE), flags)
            with os.fdopen(handle, "w") as stream:
                stream.write(json.dumps([pid, row.began]))
        except OSError as error:
            log.warning("a worker is not on record: %s", error.strerror)


def forget_worker(folder: Path) -> None:
    """Take a worker off the record."""
    with suppress(OSError):
        folder.with_name(folder.name + NOTE).unlink(missing_ok=True)


def sweep(tasks: Path, rungs: Iterable[Rung]) -> None:
    """End and remove everything of earlier attempts; what cannot be is told, and left."""
    folders = [path for path in tasks.glob("*") if path.name[0] != "." and path.is_dir()]
    rungs = list(rungs)
    for rung in rungs:
        if count := rung.sweep():
            log.warning("%d of an earlier sidecar ended: %s", count, type(rung).__name__)
    notes = list(tasks.glob(f"*{NOTE}"))
    groups = {found for path in notes if (found := read_kept(path, _parsed, "a process"))}
    marks = [b"TASK_OUT=" + os.fsencode(folder / "out") for folder in folders]
    left = end(lambda: _members(groups, marks), [signal.SIGKILL])
    if left:
        log.error("workers of an earlier sidecar do not end: %s", " ".join(map(str, left)))
    for folder in folders:
        try:
            for rung in rungs:
                rung.release(TaskFolder(folder))
            TaskFolder(folder).remove()
        except OSError as error:
            log.error("%s is left: %s", folder, error.strerror)  # noqa: TRY400 - no defect
    for path in notes:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _parsed(said: Any) -> tuple[int, str]:
    pid, began = said
    return int(pid), str(began)


def _members(groups: set[tuple[int, str]], marks: list[bytes]) -> dict[int, Row]:
    """Who lives of them; a number that went to another process since is not one of them."""
    rows = look()
    known = {pid for pid, began in groups if pid in rows and rows[pid].began == began}
    found = {row.pid for row in rows.values() if row.group in known}
    found |= {pid for pid in rows if any(marked(pid, mark) for mark in marks)}
    grown = True
    while grown:
        born = {row.pid for row in rows.values() if row.parent in found} - found
        found |= born
        grown = bool(born)
    return {pid: rows[pid] for pid in found - {os.getpid()} if not rows[pid].dead}
