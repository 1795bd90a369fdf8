"""A folder that others write too: everything in it goes by descriptor, and no link is followed.

Whoever writes there may swap any name for a link, a pipe or another folder between two calls. So
the folder is opened once, what is read is judged after it was opened, and nothing but plain files
of our own making ever goes into the private folder beside.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """An open folder; every name is one of its own, never a way to elsewhere."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def shared(cls, path: Path, mode: int) -> Folder:
        """The folder at `path`, made if it is missing, with `mode` whatever the umask.

        Raises:
            UntrustedPathError: somebody else could exchange the folder itself.
            OSError: it cannot be made, is a link, is not ours or root's, or is taken (then a
                BlockingIOError): two programs would share out what comes between them.
        """
        trusted_path.make_folder(path.parent, 0o755)
        with suppress(FileExistsError):
            path.mkdir(0o700)
        folder = cls(os.open(path, _FOLDER))
        try:
            owner = os.fstat(folder.descriptor).st_uid
            if owner not in (0, os.geteuid()):
                raise PermissionError(1, f"it belongs to uid {owner}")
            if os.geteuid() in (0, owner):
                os.fchmod(folder.descriptor, mode)
            if not os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=folder.descriptor):
                raise PermissionError(13, os.strerror(13))
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            folder.close()
            raise
        return folder

    def private(self, name: str) -> Folder | None:
        """A folder in this one for us alone (0700); None where somebody keeps its place taken."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.descriptor)  # a link or a file; of a folder it lets go
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self.descriptor)
        try:
            folder = Folder(os.open(name, _FOLDER, dir_fd=self.descriptor))
        except OSError:
            return None
        if os.fstat(folder.descriptor).st_uid != os.geteuid():
            folder.close()
            return None
        os.fchmod(folder.descriptor, 0o700)
        return folder

    def is_at(self, path: Path) -> bool:
        """Whether `path` still leads here."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), os.lstat(path))
        except OSError:
            return False

    def has(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return False
        return True

    def entries(self) -> Iterator[os.DirEntry[str]]:
        with os.scandir(self.descriptor) as entries:
            yield from entries

    def read(self, name: str, most: int) -> bytes:
        """Up to `most` bytes of a plain file, however much it grows meanwhile.

        Raises:
            OSError: it is a link, a pipe, a device, or has a second name elsewhere: a hard link
                may lead to what only we can read.
        """
        handle = os.open(name, _READ, dir_fd=self.descriptor)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise OSError("not a file of its own")
            return os.read(handle, most)
        finally:
            os.close(handle)

    def write(
        self, name: str, content: bytes, mode: int = 0o600, dated: float | None = None
    ) -> None:
        """Put a new file there, whole, in the place of one of that name; never through a link.
        `dated`: its date (s since the epoch) from the first moment on; None: now.

        Raises:
            OSError: there is no room, or no right.
        """
        temporary = f"{name}.{os.getpid()}"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=self.descriptor)
        handle = os.open(temporary, _NEW, 0o600, dir_fd=self.descriptor)
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, mode)  # whatever the umask
                stream.write(content)
                if dated is not None:
                    stream.flush()
                    os.utime(handle, (dated, dated))
            here = self.descriptor
            os.rename(temporary, name, src_dir_fd=here, dst_dir_fd=here)
        except OSError:
            self.remove(temporary)
            raise

    def remove(self, name: str) -> bool:
        """Take away a file or a link, not what it leads to; False where that is refused."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except OSError:
            return False
        return True

    def remove_folder(self, name: str) -> bool:
        """Take away an empty folder; False where it is none, or full: it is in nobody's way."""
        try:
            os.rmdir(name, dir_fd=self.descriptor)
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
