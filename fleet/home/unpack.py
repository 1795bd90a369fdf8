"""Read a file that holds a home, and believe nothing of it.

Only what such a file can hold is read: plain files under plain names, each once, all of them on the
list with size and SHA-256. Whatever else it is, nothing of it is used.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.home.archive import FORMAT, HEAD, LIST, Hashed, Head, Reader

MOST_FILES: Final = 400_000
"""As many as the list of digests has room for, at 150 bytes each."""

_STEP: Final = re.compile(r"[^\x00-\x1f\x7f/\\]{1,200}")
_LIST_BYTES: Final = 64 * 1024 * 1024
_BLOCK: Final = 1 << 20


class ArchiveError(ConfigError):
    """The file is none that `fleet backup --home` wrote, or not all of it any more."""


class _PlainOnly(tarfile.TarInfo):
    """A header of a plain file; what else a tar may hold could name a place outside."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _PlainOnly:
        info = super().frombuf(buf, encoding, errors)
        long_name = info.type == tarfile.GNUTYPE_LONGNAME and info.size <= 4096
        if not (info.type == tarfile.REGTYPE or long_name):
            raise _foreign(f"it holds something that is no plain file: {info.name[:80]!r}")
        return info


def unpack(source: Reader, folder: Path) -> Head:
    """Put what is in `source` into `folder`, which is new and ours alone; files are 0600.

    Raises:
        ArchiveError: it is foreign, of a newer format, was changed or cut; `folder` holds what was
            read up to there.
        OSError: the disk is full.
    """
    digests: dict[str, dict[str, object]] = {}
    head: Head | None = None
    listed: dict[str, object] | None = None
    try:
        with tarfile.open(fileobj=source, mode="r|", tarinfo=_PlainOnly) as tar:  # type: ignore[call-overload]
            for info in tar:
                stream = tar.extractfile(info)
                if stream is None or listed is not None or len(digests) >= MOST_FILES:
                    raise _foreign("it holds more than it says")
                if head is None:
                    head = _head(info, stream)
                elif info.name == LIST and info.size <= _LIST_BYTES:
                    listed = json.loads(stream.read())["files"]
                else:
                    digests[info.name] = _extract(info, stream, folder, digests)
        while rest := source.read(_BLOCK):
            if rest.strip(b"\0"):
                raise _foreign("something follows its end")
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _foreign(str(error) or type(error).__name__) from None
    if head is None or listed is None or listed != digests:
        raise _foreign("it was changed or cut after it was made")
    return head


def _head(info: tarfile.TarInfo, stream: Reader) -> Head:
    if info.name != HEAD or info.size > 4096:
        raise _foreign("it does not begin as one")
    head = Head(**json.loads(stream.read(4096)))
    if head.format > FORMAT:
        raise ArchiveError(
            "the file was made by a newer fleet",
            f"its format is {head.format}, this program knows {FORMAT}",
            "upgrade fleet, then the same again",
        )
    return head


def _extract(
    info: tarfile.TarInfo, stream: Reader, folder: Path, done: dict[str, dict[str, object]]
) -> dict[str, object]:
    steps = info.name.split("/")
    if info.name in done or any(s in ("", ".", "..") or not _STEP.fullmatch(s) for s in steps):
        raise _foreign(f"a name in it is none of a home's: {info.name[:80]!r}")
    path = folder.joinpath(*steps)
    hashed = Hashed(stream)
    try:
        trusted_path.make_folder(path.parent)
        handle = trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise _foreign(f"{info.name[:80]!r} is in it twice") from None
    size = 0
    with os.fdopen(handle, "wb") as target:
        while block := hashed.read(_BLOCK):
            target.write(block)
            size += len(block)
        target.flush()
        os.fsync(target.fileno())
    if size != info.size:
        raise _foreign("it was cut")
    return {"size": size, "sha256": hashed.digest.hexdigest()}


def _foreign(why: str) -> ArchiveError:
    return ArchiveError("the file is no whole home", why, "take one that fleet backup --home wrote")
