"""Content of tasks and boards: content-addressed files under `blobs/` in the home, by group.

The wall between groups is the folder: what another group stored is not there, whoever knows its
digest, and storing it again takes as long as the first time. Files are 0600, and have their name
only when they are whole and on the disk. Nothing here knows tasks, or who asks.

Every call may take as long as the disk does: they are for threads. Times are the hub's clock.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import string
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from fleet.contract import trusted_path
from fleet.work.blob_errors import NoSuchBlobError, OverQuotaError, TooLargeError, no_half
from fleet.work.limits import MIB, BlobLimits
from fleet.work.upload import Upload

FOLDER: Final = "blobs"
INCOMING: Final = ".incoming"
"""Uploads that are not whole; none of them outlives its hub."""

BLOCK: Final = 4096
"""Bytes that the smallest file takes on a disk, and so what it counts for."""

RESERVE: Final = 256 * MIB
"""Bytes of the disk that blobs leave free, or a twentieth of a small one: the store, which tells
who is alive, lies beside them."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_PLAIN: Final = frozenset(string.ascii_lowercase + string.digits + "_-")
_LONGEST: Final = 200


class Blobs:
    """The blobs of a home. One hub at a time; its threads may call at once."""

    def __init__(self, home: Path, limits: BlobLimits | None = None) -> None:
        self._folder = home / FOLDER
        self.limits = limits or BlobLimits()
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._is_open = False

    def open(self) -> None:
        """Make the folder, and remove what an upload left half; again it does nothing.

        Raises:
            UntrustedPathError: somebody else can change what the folder is.
            OSError: it cannot be made or looked at.
        """
        with self._lock:
            if self._is_open:
                return
            trusted_path.make_folder(self._folder)
            with self._root() as root:
                with suppress(FileExistsError):
                    os.mkdir(INCOMING, 0o700, dir_fd=root)
                with _entered(root, INCOMING) as incoming:
                    for name in os.listdir(incoming):  # noqa: PTH208 - by descriptor
                        os.unlink(name, dir_fd=incoming)
            self._is_open = True

    def size(self, group: str, digest: str) -> int | None:
        """Bytes of a blob; None: this group has none of that digest."""
        name = hex_of(digest)
        try:
            with self._root() as root, _entered(root, folder_of(group)) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, group: str, digest: str) -> tuple[int, int]:
        """(descriptor, bytes) of a blob; the caller closes it. A link is not followed.

        Raises:
            NoSuchBlobError: this group has none of that digest.
        """
        try:
            with self._root() as root, _entered(root, folder_of(group)) as folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                handle = os.open(hex_of(digest), flags, dir_fd=folder)
        except FileNotFoundError:
            raise unknown_blob() from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise unknown_blob() from None
            raise
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            raise unknown_blob()
        return handle, found.st_size

    def used(self, group: str) -> int:
        """Bytes that a group's blobs take, uploads under way included."""
        with self._lock:
            return self._used_by(group)

    def begin(self, group: str, digest: str, size: int, now: float) -> Upload:
        """Make room for `size` bytes; what is written to the upload has its name when it ends well.

        Raises:
            TooLargeError, OverQuotaError, DiskFullError: there is no room, and why.
        """
        if size > self.limits.most:
            raise TooLargeError(
                f"{size} bytes are more than a blob may have",
                f"the bound is {self.limits.most}",
                "split it, or blob_mb under [work] in fleet.toml",
            )
        cost = _cost(size)
        with self._lock:
            used = self._used_by(group)
            if used + cost > self.limits.quota:
                raise OverQuotaError(
                    "the blobs of this group are at their quota",
                    f"{used} of {self.limits.quota} bytes are taken",
                    "wait until old ones are collected, or group_mb under [work] in fleet.toml",
                )
            self._used[group] = used + cost
        try:
            with no_half(), self._root() as root:
                self._require_room(root, size)
                with _entered(root, INCOMING) as incoming:
                    name = secrets.token_hex(16)
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    handle = os.open(name, flags, 0o600, dir_fd=incoming)
        except BaseException:
            self._give_back(group, cost)
            raise

        def settle(kept: bool) -> None:
            stored = False
            try:
                stored = kept and self._store(name, group, digest, now)
            finally:
                if not stored:
                    self._remove(name)
                    self._give_back(group, cost)

        return Upload(handle, hex_of(digest), size, settle)

    def touch(self, group: str, digest: str, now: float) -> None:
        """Something names it again: its days begin anew."""
        with suppress(OSError), self._root() as root, _entered(root, folder_of(group)) as folder:
            os.utime(hex_of(digest), (now, now), dir_fd=folder, follow_symlinks=False)

    def copy(self, source: str, target: str, digest: str, now: float) -> None:
        """Give `target` a copy of what `source` has.

        Raises:
            NoSuchBlobError: `source` has none of that digest.
            MismatchError: the file is damaged. Others as `begin`.
        """
        if self.size(target, digest) is not None:
            self.touch(target, digest, now)
            return
        handle, size = self.read(source, digest)
        with os.fdopen(handle, "rb") as stream, self.begin(target, digest, size, now) as upload:
            while block := stream.read(MIB):
                upload.write(block)
            upload.finish()

    def aged(self, now: float, due: float, limit: int = 1000) -> list[tuple[str, str]]:
        """(group, digest) of files that nobody put or named for `keep` seconds, judged by the time
        `due`; whoever knows what names them removes those that nothing does."""
        found: list[tuple[str, str]] = []
        for group in self.groups():
            with (
                suppress(FileNotFoundError, NotADirectoryError),
                self._root() as root,
                _entered(root, folder_of(group)) as folder,
            ):
                files = sorted(filter(_HEX.fullmatch, os.listdir(folder)))  # noqa: PTH208
                aged = (file for file in files if self._is_aged(folder, file, now, due))
                found += ((group, f"sha256:{file}") for file in islice(aged, limit - len(found)))
        return found

    def _is_aged(self, folder: int, file: str, now: float, due: float) -> bool:
        with suppress(FileNotFoundError):
            changed = os.stat(file, dir_fd=folder, follow_symlinks=False).st_mtime
            if changed <= now:
                return due - changed > self.limits.keep
            # by a clock that was wrong: its days begin now
            os.utime(file, (now, now), dir_fd=folder, follow_symlinks=False)
        return False

    def remove_all(self, digests: Iterable[str]) -> None:
        """Remove blobs that no group has any use for."""
        groups = self.groups()
        for digest in digests:
            for group in groups:
                self.remove(group, digest)

    def remove(self, group: str, digest: str) -> bool:
        """Remove a blob; False: there was none."""
        name = hex_of(digest)
        try:
            with self._root() as root, _entered(root, folder_of(group)) as folder, self._lock:
                used = self._used_by(group)
                size = os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
                os.unlink(name, dir_fd=folder)
                self._used[group] = used - _cost(size)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def groups(self) -> list[str]:
        """The groups that have, or had, a blob; but for names too long to be a folder's."""
        with self._root() as root:
            found = (_group_of(name) for name in os.listdir(root))  # noqa: PTH208 - by descriptor
            return sorted(group for group in found if group is not None)

    def _store(self, name: str, group: str, digest: str, now: float) -> bool:
        """Give a whole file its name; False: the group has one already."""
        with no_half(), self._root() as root, _entered(root, INCOMING) as incoming:
            with suppress(FileExistsError):
                os.mkdir(folder_of(group), 0o700, dir_fd=root)
            with _entered(root, folder_of(group)) as folder:
                os.utime(name, (now, now), dir_fd=incoming, follow_symlinks=False)
                with self._lock:  # of two at once one is kept
                    known = self.size(group, digest) is not None
                    os.replace(name, hex_of(digest), src_dir_fd=incoming, dst_dir_fd=folder)
                os.fsync(folder)
            os.fsync(root)
        return not known

    def _remove(self, name: str) -> None:
        with suppress(OSError), self._root() as root, _entered(root, INCOMING) as incoming:
            os.unlink(name, dir_fd=incoming)

    def _give_back(self, group: str, cost: int) -> None:
        with self._lock:
            self._used[group] -= cost

    def _used_by(self, group: str) -> int:
        """Counted once; from then on kept."""
        if group not in self._used:
            used = 0
            with (
                suppress(FileNotFoundError, NotADirectoryError),
                self._root() as root,
                _entered(root, folder_of(group)) as folder,
                os.scandir(folder) as entries,
            ):
                used = sum(_cost(entry.stat(follow_symlinks=False).st_size) for entry in entries)
            self._used[group] = used
        return self._used[group]

    def _require_room(self, root: int, size: int) -> None:
        disk = os.fstatvfs(root)
        reserve = min(RESERVE, disk.f_blocks * disk.f_frsize // 20)
        if disk.f_bavail * disk.f_frsize < size + reserve:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _root(self) -> Iterator[int]:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield handle
        finally:
            os.close(handle)


@contextmanager
def _entered(root: int, name: str) -> Iterator[int]:
    """A folder in a folder; a link there is not followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=root)
    try:
        yield handle
    finally:
        os.close(handle)


def folder_of(group: str) -> str:
    """The folder of a group: its name, with whatever is not plain told by its bytes, so that no two
    groups have one, also on a disk that knows no capitals."""
    plain = "".join(
        letter if letter in _PLAIN or (letter == "." and place) else _escaped(letter)
        for place, letter in enumerate(group)
    )
    return plain if len(plain) <= _LONGEST else f"~{sha256(group.encode()).hexdigest()}"


def _escaped(letter: str) -> str:
    return "".join(f"%{byte:02x}" for byte in letter.encode())


def _group_of(folder: str) -> str | None:
    """The group whose folder it is; None: it is none, or does not tell."""
    group = unquote(folder)
    return group if group and folder_of(group) == folder else None


def hex_of(digest: str) -> str:
    """
    Raises:
        ValueError: it is no digest of ours; whoever calls has judged it.
    """
    algorithm, _, found = digest.partition(":")
    if algorithm != "sha256" or not _HEX.fullmatch(found):
        raise ValueError(digest)
    return found


def _cost(size: int) -> int:
    return max(BLOCK, -(-size // BLOCK) * BLOCK)


def unknown_blob() -> NoSuchBlobError:
    return NoSuchBlobError("there is no such blob", "", "fleet board ls CONTEXT says what there is")
