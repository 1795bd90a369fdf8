"""OpenClaw's gateway by its own lock: `<state>/tmp/openclaw-UID/gateway.state.lock`.

The lock holds `pid`, `startTime` (field 22 of `/proc/PID/stat`), `port` and `stateDir`, and stays
behind after a kill. Every `openclaw …` command line tool is another process of the same package,
so that the name alone tells nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from agent_sidecar.kinds.documents import is_there, load, nearest, port, text
from agent_sidecar.probes.only_process import only_process
from agent_sidecar.probes.other_namespaces import as_seen_by
from agent_sidecar.probes.processes import Table
from agent_sidecar.probes.recorded import recorded

PORT: Final = 18789

TITLE: Final = "openclaw-gateway"
"""What the gateway calls itself, a few seconds after its start; no command line tool does."""

DATABASE: Final = "/state/openclaw.sqlite"
"""In the folder of its state, open as long as it lives; its content is never read."""

_MOST_FILES: Final = 4096
"""Of its open ones."""

_MOST_ENTRIES: Final = 64
"""Of its folder for temporary files: the agent can make any number of them."""


def state_of(pid: int) -> Path | None:
    """The folder whose database that process has open, by the names of its open files."""
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in islice(entries, _MOST_FILES):
            with suppress(OSError):
                opened = os.readlink(entry.path)  # noqa: PTH115
                if opened.endswith(DATABASE):
                    return Path(opened.removesuffix(DATABASE))
    return None


class Gateway:
    """The gateway of one state folder, asked anew at each look: it may come back elsewhere.

    Args:
        configured: its port as the configuration has it.
        taken: processes that are known to be other instances, for the look by name.
    """

    def __init__(
        self,
        folder: Path,
        configured: Callable[[], int | None] = lambda: None,
        taken: Callable[[], frozenset[int]] = frozenset,
        processes: Table | None = None,
    ) -> None:
        self.folder = folder
        self._configured = configured
        self._taken = taken
        self._table = processes

    def pid(self) -> int | None:
        """Its process: by its lock, or by its title where it has written none."""
        if any(True for _ in self._lock_files()):
            return self.locked()  # whoever else is called like it is another one
        if is_there(self.folder / "tmp") is None:
            return None  # closed to us, as are the files that would tell it from a neighbour
        pid = only_process(TITLE, self._user, self._taken, self._table)
        return pid if pid is None or self._may_be(pid) else None

    def locked(self) -> int | None:
        """Its process by its lock alone."""
        return next((pid for _, pid in self.locks() if pid), None)

    def port(self) -> int:
        """Where it listens: the living gateway's own word, or its configuration's, or what the
        last one said, which may live where its process is not to be seen."""
        locks = self.locks()
        alive = next((said for said, pid in locks if pid), {})
        if own := port(alive):
            return own
        told = (self._configured(), *(port(said) for said, _ in locks))
        return next(filter(None, told), PORT)

    def locks(self) -> list[tuple[Mapping[str, Any], int | None]]:
        """What each lock says, and the process that it may speak for; nothing and none, where it
        came with a copy of another instance's folder."""
        found: list[tuple[Mapping[str, Any], int | None]] = []
        for path in self._lock_files():
            said = load(path)
            pid = recorded(path, said.get("pid"), said.get("startTime"), self._table)
            if self._of_another(said, pid):
                found.append(({}, None))
            elif said:
                found.append((said, pid))
        return found

    def lock_folder(self) -> Path | None:
        """The folder that its next lock is written to, or as much of the way as there is."""
        return nearest(self.folder / "tmp" / f"openclaw-{self._user()}", self.folder)

    def _lock_files(self) -> Iterator[Path]:
        with suppress(OSError), os.scandir(self.folder / "tmp") as entries:
            for entry in islice(entries, _MOST_ENTRIES):
                if entry.name.startswith("openclaw-"):
                    yield Path(entry.path) / "gateway.state.lock"

    def _of_another(self, said: Mapping[str, Any], pid: int | None) -> bool:
        """Whether it was copied here with another instance's folder. In a volume the folder may
        have another path there than here: what is not there cannot be compared."""
        named = text(said, "stateDir")
        try:
            return bool(named) and not as_seen_by(pid, Path(named)).samefile(self.folder)
        except OSError:
            return False

    def _may_be(self, pid: int) -> bool:
        """Whether it has no other folder's database open."""
        folder = state_of(pid)
        try:
            return folder is None or folder.samefile(self.folder)
        except OSError:
            return True

    def _user(self) -> int | None:
        try:
            return os.stat(self.folder).st_uid  # noqa: PTH116
        except OSError:
            return None
