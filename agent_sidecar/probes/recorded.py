"""A process that an agent's own lock or run file names: by its number and its start.

The file is the agent's, so that it may be old, copied or forged. It is believed only for a process
that lives, began when the file says (Linux), and runs as whoever owns the file. An agent in a
container writes the number that it has there; seen from the host it is another, and the start,
which counts from the machine's, is the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard

from agent_sidecar.probes.processes import Table, table
from fleet.contract.named_process import may_name, owners


def recorded(path: Path, pid: object, began: object, processes: Table | None = None) -> int | None:
    """The process that the file at `path` means by `pid`, if it may speak for it and it is still
    the same.

    Args:
        began: clock ticks after boot, field 22 of `/proc/PID/stat`; not compared where the process
            table does not know the start.
    """
    if not _is_number(pid) or pid <= 0:
        return None
    look_at = processes or table()
    found = pid if _began(look_at, pid, began) else _in_a_container(look_at, pid, began)
    if found is None:
        return None
    try:
        written_by = os.stat(path).st_uid  # noqa: PTH116  named beside may_name, which follows too
    except OSError:
        return None
    return found if owners(found) == {written_by} and may_name(path, found) else None


def _began(processes: Table, pid: int, began: object) -> bool:
    process = processes.look(pid)
    if process is None or process.dead:
        return False
    return not process.ticks or (_is_number(began) and began == process.ticks)


def _in_a_container(processes: Table, pid: int, began: object) -> int | None:
    """The one process that has this number in a namespace below ours; of two, nobody guesses."""
    if not _is_number(began):
        return None
    found = [one for one in processes.numbered(pid, began) if not one.dead]
    return found[0].pid if len(found) == 1 else None


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
