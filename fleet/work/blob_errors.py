"""Why a blob is not taken, or not given."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fleet.contract.errors import FleetError

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class BlobError(FleetError):
    """Content that cannot be stored or read."""


class NoSuchBlobError(BlobError):
    """The group has no content of this digest."""


class TooLargeError(BlobError):
    """It is larger than a blob may be, or longer than its sender said."""


class OverQuotaError(BlobError):
    """The group has no room for it."""


class DiskFullError(BlobError):
    """The hub's disk has no room for it; nothing of it was kept."""


class OffsetError(BlobError):
    """A part of a content that does not go on where the last one ended, which is at `offset`."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(
            "the content goes on elsewhere",
            f"{offset} bytes of it are here",
            f"Content-Range: bytes {offset}-LAST/SIZE",
        )


class MismatchError(BlobError):
    """What came is not what its digest or its size says."""


@contextmanager
def no_half() -> Iterator[None]:
    """
    Raises:
        DiskFullError: in place of what a disk without room says.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DiskFullError(
            "the hub has no room for this content",
            os.strerror(error.errno),
            "make room on the disk of FLEET_HOME, then the same again",
        ) from None
