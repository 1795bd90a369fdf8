"""The drop directory: messages that the agent hands over as files, without any credential.

Whoever can write there is not trusted: names, types, sizes and contents are checked, links are
never followed, and what does not fit is moved aside or removed, bounded and counted.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent_sidecar import lease
from agent_sidecar.drop.ages import age_text, oldest_of
from agent_sidecar.drop.shared_folder import Folder
from fleet.contract.errors import FleetError
from fleet.contract.limits import DEFAULT_INTERVAL, MAX_PAYLOAD
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.strict_json import decode
from fleet.contract.timestamps import timestamp
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import MessageKind, Reason

MODE: Final = 0o1733
"""Others may put files in (and take back their own), but neither list nor touch the rest."""

MAX_FILES: Final = 1000
"""Files that may wait; what is over that is removed, the newest first."""

BATCH: Final = 64
"""Files taken at once, so that a flood does not hold up the rest of the sidecar."""

MAX_REJECTED: Final = 100
"""Rejected files of which the first 4 KiB are kept for a person to look at: at most 400 KiB."""

PARTIAL_AGE: Final = 1.0
"""Seconds that a file which is not JSON yet may still be in the making."""

REJECTED: Final = "rejected"
"""Folder in the drop directory with what was rejected, for the sidecar's own user alone."""

OWNER: Final = ".agent"
"""File that says whose messages are taken up here, and in which words beyond the contract's own:
the agent's name, then a line a vocabulary, such as `planes gpu fan`. A publisher holds its message
against it, since a file that is refused later has nobody left to tell. Its date says whether
anybody is at work (see `lease`)."""

TOO_OLD: Final = "too-old"
"""Why a message that is no news any more is rejected; also the end of its name in `rejected/`."""

TELL_EVERY: Final = 60.0
"""Seconds between two lines about messages that were too old: whoever drops dates his files as he
likes."""

_MOST: Final = 65_536
"""Bytes read of that file."""

log = logging.getLogger(__name__)

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

    def __init__(
        self,
        folder: Path,
        validators: Mapping[MessageKind, SchemaValidator],
        interval: float = DEFAULT_INTERVAL,
    ) -> None:
        self._path = folder
        self._validators = validators
        self._interval = interval
        self._began = False
        self._told = (0, float("-inf"))
        self._folder: Folder | None = None
        self._kept: Folder | None = None
        self.taken = 0
        self.rejected: Counter[str] = Counter()

    @property
    def folder(self) -> Path:
        return self._path

    def open(self) -> None:
        """Make the folder if it is not there, and make sure that it is what it should be.

        Raises:
            FleetError: it cannot be made, is a link, belongs to someone else or could be swapped.
        """
        try:
            self._folder = Folder.shared(self._path, MODE)
        except BlockingIOError:
            raise FleetError(
                f"the drop directory {self._path} is taken",
                f"the sidecar of {owner_of(self._path) or 'another agent'} takes up its messages",
                f"set FLEET_DROP to a directory of this agent's own (now {self._path})",
            ) from None
        except OSError as error:
            raise FleetError(
                f"the drop directory {self._path} is not usable",
                error.strerror or str(error),
                f"chown it to this user, or set FLEET_DROP to a directory of its own "
                f"(now {self._path}), or FLEET_DROP=- to do without",
            ) from None
        self._began = False
        self._kept = self._folder.private(REJECTED)
        if self._kept is None:
            log.warning("%s/%s is somebody else's: nothing is kept there", self._path, REJECTED)

    def claim(self, agent: str, added: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Say whose messages are taken up here, so that another agent's `bus-publish` keeps its
        own to itself, and which words the deployment's ADRs have `added`, by vocabulary. Nobody
        else can replace the file: the directory is sticky.

        Raises:
            FleetError: it cannot be written.
        """
        assert self._folder is not None  # noqa: S101  it is open
        try:
            said = f"{agent}\n{lines_of(added or {})}"
            self._folder.write(OWNER, said.encode(), 0o644, dated=lease.until())
        except OSError as error:
            self.close()
            raise FleetError(
                f"the drop directory {self._path} cannot be marked as {agent}'s",
                error.strerror or str(error),
                f"rm -r {self._path}/{OWNER}, or make room",
            ) from None

    def renew(self) -> None:
        """Say that somebody is at work here, for as long as a lease lasts."""
        if self._folder is not None:
            lease.renew(OWNER, self._folder.descriptor)

    def retire(self) -> None:
        """Say that nobody takes up messages here from now on."""
        if self._folder is not None:
            lease.end(OWNER, self._folder.descriptor)

    def is_there(self) -> bool:
        """Whether publishers still find what is open here: a folder that was removed and made
        again looks the same to them, and is another one."""
        folder = self._folder
        return folder is not None and folder.is_at(self._path) and folder.has(OWNER)

    def close(self) -> None:
        for folder in (self._kept, self._folder):
            if folder is not None:
                folder.close()
        self._folder = self._kept = None

    def scan(self, wall: float, deliver: Deliver) -> bool:
        """Take up what waits; True if there is more or something must be looked at again."""
        folder = self._folder
        if folder is None:
            return False
        waiting = self._listing(folder, wall)
        if waiting and not self._began:
            log.info(
                "%d messages waited in %s, the oldest for %s",
                len(waiting), self._path, age_text(wall - waiting[0][0]),
            )  # fmt: skip
        self._began = True
        for _, name in waiting[MAX_FILES:]:
            self._remove(folder, name, "overflow")
        again = len(waiting) > BATCH
        for modified, name in waiting[:BATCH]:
            again = self._take(folder, name, modified, wall, deliver) or again
        self._tell_too_old(wall)
        return again

    def _listing(self, folder: Folder, wall: float) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        for entry in folder.entries():
            if entry.name in (REJECTED, OWNER):
                continue
            if len(found) >= 10 * MAX_FILES:
                break
            try:
                modified = entry.stat(follow_symlinks=False).st_mtime
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found.append((modified, entry.name))
                elif entry.is_dir(follow_symlinks=False):
                    if folder.remove_folder(entry.name):
                        self.rejected["foreign"] += 1
                elif not entry.name.startswith(".") or wall - modified > _TEMPORARY_AGE:
                    self._remove(folder, entry.name, "foreign")
            except FileNotFoundError:
                continue
        return sorted(found)

    def _take(
        self, folder: Folder, name: str, modified: float, wall: float, deliver: Deliver
    ) -> bool:
        """Take up one file; True if it must be looked at again."""
        kind = MessageKind(name.partition("-")[0])
        content = b""
        try:
            content = folder.read(name, MAX_PAYLOAD + 1)
            message = decode(content)
            message.setdefault("ts", timestamp(modified))
            self._validators[kind].check(message)
            if wall - modified > oldest_of(kind, message, self._interval):
                self._keep(f"{name}.{TOO_OLD}", content)
                self._remove(folder, name, TOO_OLD)
                return False
            if not deliver(kind, message):
                return True
        except FileNotFoundError:
            return False
        except Rejected as rejected:
            unfinished = rejected.reason in (Reason.NOT_JSON, Reason.NOT_UTF8)
            if unfinished and 0 <= wall - modified < PARTIAL_AGE:
                return True
            self._keep(name, content)
            self._remove(folder, name, rejected.reason.value)
            return False
        except (OSError, ValueError, OverflowError):
            self._remove(folder, name, "unreadable")
            return False
        self._remove(folder, name, "")
        self.taken += 1
        return False

    def _tell_too_old(self, wall: float) -> None:
        count = self.rejected[TOO_OLD] - self._told[0]
        if count and not 0 <= wall - self._told[1] < TELL_EVERY:
            self._told = self.rejected[TOO_OLD], wall
            log.warning(
                "%d messages in %s were too old to be news: not sent, their beginnings lie in %s/",
                count, self._path, REJECTED,
            )  # fmt: skip

    def _keep(self, name: str, content: bytes) -> None:
        """Keep what was read of it for a person to look at. The file itself stays outside: it may
        be of any size, and have another name elsewhere."""
        kept = self._kept
        if kept is None:
            return
        with suppress(OSError):
            kept.write(name, content)
            found = [(e.stat(follow_symlinks=False).st_ctime, e.name) for e in kept.entries()]
            for _, old in sorted(found)[:-MAX_REJECTED]:
                kept.remove(old)

    def _remove(self, folder: Folder, name: str, reason: str) -> None:
        if reason:
            self.rejected[reason] += 1
        folder.remove(name)


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


def is_served(folder: Path) -> bool:
    """Whether a sidecar takes up what is put there: its mark is dated ahead."""
    return lease.is_held(folder / OWNER)


def _said(folder: Path) -> list[str]:
    try:
        return read_plain(folder / OWNER, _MOST).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
