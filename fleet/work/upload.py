"""One blob on its way in: hashed while it is written, and whole or not there at all.

A caller that goes away leaves a thread that still writes: each call waits for the one before, so
that no descriptor is closed under it, which would be another file's by then.

One whose write failed is broken: nobody can say what of it is on the disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    Attributes:
        is_broken: a write or its end failed; it can only be abandoned.
    """

    def __init__(self, handle: int, digest: str, size: int, settle: Callable[[bool], None]) -> None:
        self._handle = handle
        self._digest = digest
        self._size = size
        self._settle = settle
        self._hash = sha256()
        self._written = 0
        self._ended = False
        self.is_broken = False
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
    def goes_on_at(self) -> int | None:
        """The byte from which on more of it may come; None: it is over, whole or broken. It waits
        for a thread that still writes."""
        with self._turn:
            over = self.is_broken or self._ended or self._written >= self._size
            return None if over else self._written

    def write(self, block: bytes | bytearray) -> None:
        """
        Raises:
            TooLargeError: more came than was said.
            DiskFullError: there is no room.
        """
        with self._turn, self._or_broken():
            self._write(block)

    def _write(self, block: bytes | bytearray) -> None:
        if self._ended:
            return
        if self._written + len(block) > self._size:
            raise TooLargeError(
                "the content is longer than was said",
                f"Content-Length was {self._size}",
                "send its size, then exactly that much",
            )
        with no_half():
            rest = memoryview(block)
            while rest:
                taken = os.write(self._handle, rest)
                self._hash.update(rest[:taken])
                self._written += taken
                rest = rest[taken:]

    def finish(self) -> None:
        """
        Raises:
            MismatchError: it is shorter than was said, or its digest is another.
            DiskFullError: there is no room.
        """
        with self._turn, self._or_broken():
            self._finish()

    def _finish(self) -> None:
        if self._ended:
            return
        if self.is_broken:
            raise MismatchError("the content was cut", "a part was not written", "the same again")
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

    @contextmanager
    def _or_broken(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.is_broken = True
            raise

    def _end(self, *, kept: bool) -> None:
        if self._ended:
            return
        self._ended = True
        os.close(self._handle)
        self._settle(kept)
