"""The drop directory: messages that the agent hands over as files, without any credential.

Whoever can write there is not trusted: names, types, sizes and contents are checked, links are
never followed, and what does not fit is moved aside or removed, bounded and counted.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fleet.contract.errors import FleetError
from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.strict_json import decode
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind, Reason

MODE: Final = 0o1733
"""Others may put files in (and take back their own), but neither list nor touch the rest."""

MAX_FILES: Final = 1000
"""Files that may wait; what is over that is removed, the newest first."""

BATCH: Final = 64
"""Files taken at once, so that a flood does not hold up the rest of the sidecar."""

MAX_REJECTED: Final = 100
"""Rejected files kept for a person to look at: at most 400 KiB."""

PARTIAL_AGE: Final = 1.0
"""Seconds that a file which is not JSON yet may still be in the making."""

OWNER: Final = ".agent"
"""File that says whose messages are taken up here, and in which words beyond the contract's own:
the agent's name, then a line a vocabulary, such as `planes gpu fan`. A publisher holds its message
against it, since a file that is refused later has nobody left to tell."""

_MOST: Final = 65_536
"""Bytes read of that file."""

_NAME = re.compile(r"(heartbeat|status|alert)-[0-9A-Za-z._-]{1,100}\.json")
_TEMPORARY_AGE: Final = 3600.0

Deliver = Callable[[MessageKind, dict[str, Any]], bool]
"""Takes a judged message; True once it is safe, so that the file may go. May still reject it."""


class DropDirectory:
    """Takes up files named `<kind>-<unique>.json`.

    Attributes:
        taken: messages delivered.
        rejected: files that were not, by reason.
    """

    def __init__(self, folder: Path, validators: Mapping[MessageKind, SchemaValidator]) -> None:
        self._folder = folder
        self._validators = validators
        self._fd = -1
        self.taken = 0
        self.rejected: Counter[str] = Counter()

    @property
    def folder(self) -> Path:
        return self._folder

    def open(self) -> None:
        """Make the folder if it is not there, and make sure that it is what it should be.

        Raises:
            FleetError: it cannot be made, is a link, or belongs to someone else.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._folder, flags)
            if os.geteuid() in (0, os.fstat(self._fd).st_uid):
                os.fchmod(self._fd, MODE)
            if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            # Two sidecars would send the messages of one agent under two names.
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self._folder / "rejected").mkdir(mode=0o700, exist_ok=True)
        except BlockingIOError:
            self.close()
            raise FleetError(
                f"the drop directory {self._folder} is taken",
                f"the sidecar of {owner_of(self._folder) or 'another agent'} takes up its messages",
                f"set FLEET_DROP to a directory of this agent's own (now {self._folder})",
            ) from None
        except OSError as error:
            self.close()
            raise FleetError(
                f"the drop directory {self._folder} is not usable",
                error.strerror or str(error),
                f"chown it to this user, or set FLEET_DROP to a directory of its own "
                f"(now {self._folder}), or FLEET_DROP=- to do without",
            ) from None

    def claim(self, agent: str, added: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Say whose messages are taken up here, so that another agent's `bus-publish` keeps its
        own to itself, and which words the deployment's ADRs have `added`, by vocabulary. Nobody
        else can replace the file: the directory is sticky.

        Raises:
            FleetError: it cannot be written.
        """
        temporary = f"{OWNER}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self._fd)
            handle = os.open(temporary, flags, 0o600, dir_fd=self._fd)
            with os.fdopen(handle, "w") as stream:
                os.fchmod(handle, 0o644)  # whatever the umask: publishers are other users
                stream.write(f"{agent}\n{lines_of(added or {})}")
            os.rename(temporary, OWNER, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except OSError as error:
            self.close()
            raise FleetError(
                f"the drop directory {self._folder} cannot be marked as {agent}'s",
                error.strerror or str(error),
                f"rm -r {self._folder}/{OWNER}, or make room",
            ) from None

    def is_there(self) -> bool:
        """Whether publishers still find what is open here: a folder that was removed and made
        again looks the same to them, and is another one."""
        try:
            held, found = os.fstat(self._fd), os.lstat(self._folder)
            os.stat(OWNER, dir_fd=self._fd, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(held, found)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def scan(self, wall: float, deliver: Deliver) -> bool:
        """Take up what waits; True if there is more or something must be looked at again."""
        if self._fd < 0:
            return False
        waiting = self._listing(wall)
        for _, name in waiting[MAX_FILES:]:
            self._remove(name, "overflow")
        again = len(waiting) > BATCH
        for modified, name in waiting[:BATCH]:
            again = self._take(name, modified, wall, deliver) or again
        return again

    def _listing(self, wall: float) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        with os.scandir(self._fd) as entries:
            for entry in entries:
                if entry.name in ("rejected", OWNER):
                    continue
                if len(found) >= 10 * MAX_FILES:
                    break
                try:
                    modified = entry.stat(follow_symlinks=False).st_mtime
                    if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found.append((modified, entry.name))
                    elif entry.is_dir(follow_symlinks=False):
                        self._remove_folder(entry.name)
                    elif not entry.name.startswith(".") or wall - modified > _TEMPORARY_AGE:
                        self._remove(entry.name, "foreign")
                except FileNotFoundError:
                    continue
        return sorted(found)

    def _take(self, name: str, modified: float, wall: float, deliver: Deliver) -> bool:
        """Take up one file; True if it must be looked at again."""
        kind = MessageKind(name.partition("-")[0])
        try:
            message = decode(self._read(name))
            message.setdefault("ts", timestamp(modified))
            self._validators[kind].check(message)
            if not deliver(kind, message):
                return True
        except FileNotFoundError:
            return False
        except Rejected as rejected:
            unfinished = rejected.reason in (Reason.NOT_JSON, Reason.NOT_UTF8)
            if unfinished and 0 <= wall - modified < PARTIAL_AGE:
                return True
            self._set_aside(name, rejected.reason.value)
            return False
        except (OSError, ValueError, OverflowError):
            self._set_aside(name, "unreadable")
            return False
        self._remove(name, "")
        self.taken += 1
        return False

    def _read(self, name: str) -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=self._fd)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise OSError("not a file of its own")
            return os.read(handle, MAX_PAYLOAD + 1)
        finally:
            os.close(handle)

    def _set_aside(self, name: str, reason: str) -> None:
        """Keep it for a person to look at; the name has been checked, so it is safe to keep."""
        self.rejected[reason] += 1
        try:
            os.rename(name, f"rejected/{name}", src_dir_fd=self._fd, dst_dir_fd=self._fd)
            kept = sorted((self._folder / "rejected").iterdir(), key=_changed)
            for path in kept[:-MAX_REJECTED]:
                path.unlink()
        except OSError:
            self._remove(name, "")

    def _remove(self, name: str, reason: str) -> None:
        if reason:
            self.rejected[reason] += 1
        with suppress(OSError):
            os.unlink(name, dir_fd=self._fd)

    def _remove_folder(self, name: str) -> None:
        try:
            os.rmdir(name, dir_fd=self._fd)
        except OSError:
            return  # not empty: it is in nobody's way
        self.rejected["foreign"] += 1


def lines_of(added: Mapping[str, tuple[str, ...]]) -> str:
    """Added words as lines, a vocabulary each: `planes gpu fan`."""
    return "".join(f"{name} {' '.join(words)}\n" for name, words in added.items() if words)


def owner_of(folder: Path) -> str:
    """The agent whose messages are taken up there; empty: nobody said."""
    return next(iter(_said(folder)), "").strip()


def words_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """The words beyond the contract's own that are taken up there, by vocabulary."""
    lines = [line.split() for line in _said(folder)[1:]]
    return {line[0]: tuple(line[1:]) for line in lines if line}


def _said(folder: Path) -> list[str]:
    try:
        with (folder / OWNER).open() as stream:
            return stream.read(_MOST).splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return 0.0
