"""Who could change what a path leads to, and files that nobody else could have steered.

A path that nobody but root and this user can change leads to the same file at every look: beneath
it, ordinary calls by path are as safe as calls by descriptor, those of SQLite included. So a path
is judged once, from `/` down, and refused where somebody else could put a link or a folder of his
own into it. A folder that others write by design goes by descriptor instead: `shared_folder`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError

ANYBODY: Final = -1
"""In the place of a uid: whoever is on this machine, or in a group with others in it."""

MAX_FILE: Final = 1024 * 1024
"""Bytes of a file of settings, keys or secrets; one that is larger is none."""

_LINKS: Final = 40
"""Links on one path, as many as Linux follows."""


class UntrustedPathError(ConfigError):
    """Somebody else could change what a path leads to."""


def who_may_change(path: Path) -> frozenset[int]:
    """The uids beside root's and ours that can put another file in this path's place, or change
    the one that is there; what is not there yet is judged by the folders above it.

    Raises:
        OSError: it cannot be looked at, or is a circle of links.
    """
    return frozenset(uid for _, uid in _weak_places(path))


def require(path: Path, *, shared: bool = False) -> None:
    """Have a path that only we and root can change. With `shared` the folder at its end may be
    a sticky one that everybody writes, such as /tmp: good for files of our own, not for a home.

    Raises:
        UntrustedPathError: somebody else can change what `path` leads to; says where.
        OSError: it cannot be looked at.
    """
    for place, uid in _weak_places(path, shared=shared):
        if uid != ANYBODY:
            why = f"{place} belongs to uid {uid}, who could put anything there"
            how = "" if os.geteuid() else f" (sudo -u '#{uid}')"
            remedy = f"run this as that user{how}, or take a place of your own and not {place}"
        elif os.lstat(place).st_mode & stat.S_ISVTX:
            why, remedy = f"everybody writes {place}", f"take a folder of your own in {place}"
        else:
            why, remedy = f"others may write {place}", f"chmod go-w {place}"
        raise UntrustedPathError(f"{path} is not used", why, remedy)


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Make `path` and what is missing above it, none of it wider than `mode`, whatever the umask.
    A folder that is there stays as it is.

    Raises:
        UntrustedPathError: somebody else can change what the path leads to.
        OSError: it cannot be made.
    """
    if path.is_dir():
        require(path, shared=True)
        return
    require(path)
    missing = []
    folder = path.absolute()
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        try:
            folder.mkdir(mode & 0o755)
        except FileExistsError:  # another process was faster
            if not folder.is_dir():
                raise


def open_file(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a file of our own, such as a lock or a log; a link there is not followed.

    Raises:
        UntrustedPathError: somebody else can change what the path leads to.
        OSError: it cannot be opened.
    """
    require(path)
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY, mode)
    if _owner(os.fstat(handle)):  # in a sticky folder somebody was faster
        os.close(handle)
        raise PermissionError(errno.EPERM, "it belongs to somebody else")
    return handle


def read_text(path: Path) -> str:
    """The text of a file that steers us: settings, keys, a secret.

    Raises:
        UntrustedPathError: somebody else could have written it, or put it there.
        OSError: it cannot be read, or is too large.
        UnicodeDecodeError: it is not text.
    """
    return read_bytes(path).decode()


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """What is in a file that steers us, of up to `most` bytes (`MAX_FILE` where nothing is given),
    for a reader that says itself what is no text.

    Raises:
        UntrustedPathError: somebody else could have written it, or put it there.
        OSError: it cannot be read, or is too large.
    """
    require(path)
    most = MAX_FILE if most is None else most
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes")
    return content


def read_plain(path: Path, most: int) -> bytes:
    """Up to `most` bytes of a file that anybody may have put there: read, never believed.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, which might never end.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file")
        return stream.read(most)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text`, whole or not at all; a link at `path` is replaced, not followed. The bytes
    are on the disk when this returns.

    Raises:
        UntrustedPathError: somebody else can change what the path leads to.
        OSError: it cannot be written; what was there stands.
    """
    require(path)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, mode & 0o755)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = str(path)  # a full disk names no file
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_line(path: Path, line: str, mode: int = 0o600) -> None:
    """Add one line to a log of our own, whole or not at all, on the disk when this returns; what a
    crash left half at its end is cut off first. The caller is alone with the file.

    Raises:
        UntrustedPathError: somebody else can change what the path leads to.
        OSError: it cannot be written; what was there stands.
    """
    handle = open_file(path, os.O_RDWR | os.O_CREAT, mode)
    try:
        end = _whole_lines(handle)
        os.ftruncate(handle, end)
        text = f"{line}\n".encode()
        try:
            written = 0
            while written < len(text):
                written += os.pwrite(handle, text[written:], end + written)
            os.fsync(handle)
        except OSError as error:
            error.filename = str(path)
            with suppress(OSError):
                os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def _whole_lines(handle: int) -> int:
    """Bytes up to the end of the last line that has one."""
    at = os.fstat(handle).st_size
    while at:
        begin = max(0, at - 65_536)
        found = os.pread(handle, at - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- the way from / down


def _weak_places(path: Path, *, shared: bool = False) -> list[tuple[str, int]]:
    """(place, uid) of each step that somebody else can change, from `/` down.

    What was judged cannot change under us any more, so that looking by path is safe; what was
    found weak only adds to the list.
    """
    done, links = "/", 0
    steps = deque(path.absolute().parts[1:])
    held = os.lstat(done)
    found = _judged(done, held, held, last=not (steps or shared))
    while steps:
        step = steps.popleft()
        here = os.path.dirname(done) if step == ".." else os.path.join(done, step)  # noqa: PTH118, PTH120
        try:
            above, held = held, os.lstat(here)
        except (FileNotFoundError, NotADirectoryError):
            break
        if stat.S_ISLNK(held.st_mode) and not done.startswith("/proc/"):
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            found += [(here, uid) for uid in _owner(held)]
            target = Path(os.readlink(here))  # noqa: PTH115
            whole = target.is_absolute()
            steps.extendleft(reversed(target.parts[1:] if whole else target.parts))
            done = "/" if whole else done
            held = os.lstat(done)
            continue
        if stat.S_ISLNK(held.st_mode):
            held = os.stat(here)  # noqa: PTH116  a link of the kernel's: /dev/stdin, a shell's <(…)
        found += _judged(here, held, above, last=not (steps or shared))
        done = here
    return found


def _judged(
    here: str, held: os.stat_result, above: os.stat_result, *, last: bool
) -> list[tuple[str, int]]:
    if held.st_dev != above.st_dev and os.geteuid() != 0 and _is_nobody_here(held.st_uid):
        return []
    found = [(here, uid) for uid in _owner(held)]
    if _open_to_others(held, last=last):
        found.append((here, ANYBODY))
    return found


def _is_nobody_here(uid: int) -> bool:
    """Of a mounted folder or file: whether it is as whoever made the container wants it, root's
    or of a user outside. Kubernetes makes volumes 0777; root itself does not rely on that."""
    import pwd

    if uid == 0:
        return True
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


def _owner(held: os.stat_result) -> list[int]:
    uid = held.st_uid
    return [] if uid in (0, os.geteuid()) or _is_unmapped(uid) else [uid]


def _open_to_others(held: os.stat_result, *, last: bool) -> bool:
    mode, folder = held.st_mode, stat.S_ISDIR(held.st_mode)
    if not mode & 0o022 or not (folder or stat.S_ISREG(mode)):
        return False  # of a pipe or a device nothing can be exchanged
    if folder and mode & stat.S_ISVTX and not last:
        return False  # sticky: what is ours in it nobody else can take away
    return bool(mode & 0o002) or _group_has_others(held.st_gid, held.st_uid)


def _group_has_others(gid: int, owner: int) -> bool:
    """Whether anybody but root, the owner and us is known to be in a group."""
    import grp
    import pwd

    ours = {0, owner, os.geteuid()}
    members = {user.pw_name for user in pwd.getpwall() if user.pw_gid == gid}
    with suppress(KeyError):  # a group of numbers only, as Kubernetes gives one to a volume
        members |= set(grp.getgrgid(gid).gr_mem)
    for name in members:
        try:
            if pwd.getpwnam(name).pw_uid not in ours:
                return True
        except KeyError:
            continue
    return False


def _is_unmapped(uid: int) -> bool:
    """In a user namespace whoever is not mapped, root outside included, has one same uid."""
    try:
        if uid != int(Path("/proc/sys/kernel/overflowuid").read_text()):
            return False
        return Path("/proc/self/uid_map").read_text().split()[:3] != ["0", "0", "4294967295"]
    except (OSError, ValueError):
        return False
