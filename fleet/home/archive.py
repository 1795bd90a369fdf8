"""The file that holds a home: a plain tar with a head before and a list of digests behind.

`unpack` reads it. People may: `tar tf FILE`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

FORMAT: Final = 1
HEAD, LIST = "fleet-home.json", "fleet-home.list.json"


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writer(Protocol):
    def write(self, content: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Head:
    """Who made the file, and when (UTC)."""

    made: str
    fleet: str
    format: int = FORMAT


def write(target: Writer, head: Head, entries: Iterable[tuple[PurePosixPath, Path | bytes]]) -> int:
    """Write `entries` (path in the home, where it is or what is in it); how many. One that went
    since it was listed, as an old capture does, is not in it.

    Raises:
        OSError: a file cannot be read, got shorter meanwhile, or the disk is full.
    """
    digests: dict[str, dict[str, object]] = {}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]
        _add(tar, HEAD, json.dumps(asdict(head)).encode())
        for path, content in entries:
            with suppress(FileNotFoundError):
                digests[str(path)] = _add(tar, str(path), content)
        _add(tar, LIST, json.dumps({"files": digests}).encode())
    return len(digests)


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> dict[str, object]:
    if isinstance(content, bytes):
        stream: BinaryIO = io.BytesIO(content)
        size = len(content)
    else:
        stream = os.fdopen(os.open(content, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        size = os.fstat(stream.fileno()).st_size
    with stream:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashed = Hashed(stream)
        tar.addfile(info, hashed)  # type: ignore[arg-type]
    return {"size": size, "sha256": hashed.digest.hexdigest()}


class Hashed:
    """Reads on, and keeps the SHA-256 of what was read."""

    def __init__(self, stream: Reader) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.digest.update(content)
        return content
