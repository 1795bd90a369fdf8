"""One blob on its way in: hashed while it is written, and whole or not there at all.

A caller that goes away leaves a thread that still writes: each call waits for the one before, so
that no descriptor is closed under it, which would be another file's by then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from hashlib import sha256
from types import TracebackType
from typing import Self

from fleet.work.blob_errors import MismatchError, TooLargeError, no_half


class Upload:
    """A file that has no name yet; left without `finish` it is gone.

    Args:
        handle: an open descriptor, which is closed in the end.
        digest: what its SHA-256 must be, as hex.
        size: bytes that must come.
        settle: called once, with whether what was written is whole and on the disk.
    """

    def __init__(self, handle: int, digest: str, size: int, settle: Callable[[bool], None]) -> None:
        self._handle = handle
        self._digest = digest
        self._size = size
        self._settle = settle
        self._hash = sha256()
        self._written = 0
        self._ended = False
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

    @property
    def written(self) -> int:
        """Bytes that have come; it waits for a thread that still writes."""
        with self._turn:
            return self._written

    def write(self, block: bytes) -> None:
        """
        Raises:
            TooLargeError: more came than was said.
            DiskFullError: there is no room.
        """
        with self._turn:
            self._write(block)

    def _write(self, block: bytes) -> None:
        if self._ended:
            return
        self._written += len(block)
        if self._written > self._size:
            raise TooLargeError(
                "the content is longer than was said",
                f"Content-Length was {self._size}",
                "send its size, then exactly that much",
            )
        self._hash.update(block)
        with no_half():
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._handle, rest) :]

    def finish(self) -> None:
        """
        Raises:
            MismatchError: it is shorter than was said, or its digest is another.
            DiskFullError: there is no room.
        """
        with self._turn:
            self._finish()

    def _finish(self) -> None:
        if self._ended:
            return
        if self._written != self._size:
            why = f"{self._written} of {self._size} bytes came"
            raise MismatchError("the content was cut", why, "the same again")
        if self._hash.hexdigest() != self._digest:
            raise MismatchError(
                "the content is not what its digest says",
                f"it is sha256:{self._hash.hexdigest()}",
                "put it under that digest, or send the content that was meant",
            )
        with no_half():
            os.fsync(self._handle)
        self._end(kept=True)

    def abandon(self) -> None:
        """Nothing of it is kept; after `finish`, or a second time, it does nothing."""
        with self._turn:
            self._end(kept=False)

    def _end(self, *, kept: bool) -> None:
        if self._ended:
            return
        self._ended = True
        os.close(self._handle)
        self._settle(kept)
