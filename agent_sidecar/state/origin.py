"""Where a state directory was made: whether this machine, and this very directory, had it before.

A copied one means that two sidecars may be at work for one agent; a moved or restored one does
not, and looks the same. So it is said, nothing is refused, and should there be two, the one with
the foreign state gives way. In a container there may be no machine id, or that of the image: then
only the directory itself tells.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept, replace_text

log = logging.getLogger(__name__)

MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))

FILE: Final = "origin.json"

_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a state directory is, as far as it can be told.

    `machine` is a hash of the machine's id, which is nobody's business (machine-id(5)). `lock` is
    the inode of the lock file: it is never replaced, and no copy has the same.
    """

    machine: str | None = None
    lock: int | None = None


class Origin:
    """What the directory `folder` says of where it was made, against where it is."""

    def __init__(self, folder: Path, here: Place) -> None:
        self._path = folder / FILE
        self._here = here
        self._made = _read(self._path)
        if self._made is None:
            self.confirm()

    @property
    def why(self) -> str:
        """What shows that it was made elsewhere; empty: nothing does."""
        made, here = self._made, self._here
        if made is None:
            return ""
        if made.machine and here.machine and made.machine != here.machine:
            return "was made on another machine"
        if made.lock and here.lock and made.lock != here.lock:
            return "is a copy, or was restored"
        return ""

    def confirm(self) -> None:
        """It belongs here from now on. On a full disk it is said again with the next start."""
        if self._made == self._here:
            return
        try:
            said = {"machine": self._here.machine, "lock": self._here.lock}
            replace_text(self._path, json.dumps(said))
            self._made = self._here
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error.strerror)


def place(folder: Path) -> Place:
    """Where `folder`, whose lock is held, is."""
    try:
        lock: int | None = (folder / "lock").lstat().st_ino
    except OSError:
        lock = None
    return Place(_machine(), lock)


def _machine() -> str | None:
    """A hash of this machine's id; None where it has none of its own."""
    for path in MACHINE_IDS:
        try:
            found = _ID.fullmatch(path.read_text("ascii", "replace").strip())
        except OSError:
            continue
        if found:
            key = b"agent-sidecar"
            return hashlib.blake2b(found[0].encode(), key=key, digest_size=16).hexdigest()
    return None


def _read(path: Path) -> Place | None:
    """What is written there; None where nothing usable is."""
    return read_kept(path, _parsed, "where the state was made")


def _parsed(said: dict[str, Any]) -> Place:
    machine, lock = said["machine"], said["lock"]
    if not isinstance(machine, str | None) or not isinstance(lock, int | None):
        raise TypeError
    return Place(machine, lock)
