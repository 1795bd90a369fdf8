"""What a worker left in `out/`: plain files of its own, few and small enough, opened and never
followed. Everything that wrote there has ended before anybody looks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_sidecar.work.hub import Descriptor
from fleet.contract.work_vocabulary import ENTRY_NAME_TEXT, BoardSection, MediaType, TaskReason

MAX_FILES: Final = 256
"""Files of one attempt: outputs and entries of the board together."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TYPES: Final = {
    ".txt": MediaType.TEXT, ".log": MediaType.TEXT, ".md": MediaType.MARKDOWN,
    ".csv": MediaType.CSV, ".py": MediaType.PYTHON, ".json": MediaType.JSON, ".pdf": MediaType.PDF,
    ".zip": MediaType.ZIP, ".gz": MediaType.GZIP, ".tgz": MediaType.GZIP, ".tar": MediaType.TAR,
    ".png": MediaType.PNG, ".jpg": MediaType.JPEG, ".jpeg": MediaType.JPEG, ".webp": MediaType.WEBP,
}  # fmt: skip


class BadOutput(Exception):
    """What is there is not taken; `reason` says why in a word, the text to a person here."""

    def __init__(self, reason: TaskReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Output:
    """One file, held open: its name leads nowhere else any more. `section` None: an output."""

    section: BoardSection | None
    name: str
    handle: int
    content: Descriptor


@contextmanager
def collected(out: Path, most: int, required: tuple[str, ...] | None) -> Iterator[list[Output]]:
    """What is in `out`, by name, of up to `most` bytes in all.

    Raises:
        BadOutput: something is no plain file of its own, too much, or missing.
    """
    found: list[Output] = []
    try:
        folder = os.open(out, _FOLDER)
        try:
            left = most
            for section, name, handle in _opened(folder):
                found.append(Output(section, name, handle, Descriptor("", 0)))
                content = _described(name, handle, left)
                left -= content.size
                found[-1] = Output(section, name, handle, content)
        finally:
            os.close(folder)
        _require(found, required)
        yield found
    finally:
        for output in found:
            os.close(output.handle)


def _opened(out: int) -> Iterator[tuple[BoardSection | None, str, int]]:
    count = 0
    for name in _names(out):
        if name in set(BoardSection):
            section = BoardSection(name)
            try:
                folder = os.open(name, _FOLDER, dir_fd=out)
            except OSError as error:
                why = f"out/{name} is no folder"
                raise BadOutput(TaskReason.OUTPUT_REFUSED, why) from error
            try:
                for entry in _names(folder):
                    count += 1
                    yield section, entry, _open(folder, entry, f"out/{name}/{entry}", count)
            finally:
                os.close(folder)
        else:
            count += 1
            yield None, name, _open(out, name, f"out/{name}", count)


def _names(folder: int) -> list[str]:
    """The names that are looked at, in order: one that begins with a point is the worker's own."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise BadOutput(TaskReason.OUTPUT_REFUSED, "a folder cannot be read") from error


def _open(folder: int, name: str, place: str, count: int) -> int:
    if count > MAX_FILES:
        raise BadOutput(TaskReason.OUTPUT_TOO_LARGE, f"more than {MAX_FILES} files")
    if not ENTRY_NAME_TEXT.fullmatch(name):
        why = f"{place!r}: a name is up to 64 of a-z, 0-9, point, _ and -"
        raise BadOutput(TaskReason.OUTPUT_REFUSED, why)
    try:
        handle = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        why = f"{place} is a link, or cannot be read: {error.strerror}"
        raise BadOutput(TaskReason.OUTPUT_REFUSED, why) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        why = f"{place} is no plain file, or has a second name elsewhere"
        raise BadOutput(TaskReason.OUTPUT_REFUSED, why)
    return handle


def _described(name: str, handle: int, most: int) -> Descriptor:
    """
    Raises:
        BadOutput: it is larger than `most` bytes.
    """
    if os.fstat(handle).st_size > most:
        raise BadOutput(TaskReason.OUTPUT_TOO_LARGE, f"{name} is larger than what is left")
    digest, size = hashlib.sha256(), 0
    while piece := os.pread(handle, 1024 * 1024, size):
        digest.update(piece)
        size += len(piece)
        if size > most:
            raise BadOutput(TaskReason.OUTPUT_TOO_LARGE, f"{name} grew while it was read")
    kind = _TYPES.get(os.path.splitext(name)[1], MediaType.BYTES)  # noqa: PTH122
    return Descriptor(f"sha256:{digest.hexdigest()}", size, kind)


def _require(found: list[Output], required: tuple[str, ...] | None) -> None:
    if required is None and not found:
        raise BadOutput(TaskReason.OUTPUT_MISSING, "there is no file in out/")
    missing = set(required or ()) - {output.name for output in found if output.section is None}
    if missing:
        raise BadOutput(TaskReason.OUTPUT_MISSING, f"out/{min(missing)} is not there")
