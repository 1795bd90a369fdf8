"""What a disk or a folder refused, in words with a remedy: the last net of both programs.

Where a fault has a better word of its own, it is told there. Here is what nobody foresaw, such as a
disk that is full at just this write: two lines, and never a traceback.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from fleet.contract.errors import FleetError

_REMEDIES: Final = {
    errno.ENOSPC: "df -h {place}, and df -i: free some space",
    errno.EDQUOT: "quota: free some space",
    errno.EROFS: "mount: the disk of {place} must be writable",
    errno.EIO: "dmesg: the disk of {place} may be failing",
    errno.EACCES: "ls -ld {place}",
    errno.EPERM: "ls -ld {place}",
    errno.ENOENT: "ls -ld {place}",
    errno.ENOTDIR: "ls -ld {place}",
    errno.EISDIR: "ls -ld {place}",
    errno.ENAMETOOLONG: "a shorter path",
    errno.EFBIG: "ulimit -f",
    errno.EMFILE: "ulimit -n 4096",
    errno.ENFILE: "sysctl fs.file-max",
    errno.ESTALE: "mount the disk of {place} again",
}


def of_disk(error: OSError) -> FleetError | None:
    """What to tell a person; None: it is not of a disk, so not ours to explain."""
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    what = f"{path} cannot be used" if path else "a file cannot be used"
    place = (os.path.dirname(path) or ".") if path else "."  # noqa: PTH120
    return FleetError(what, os.strerror(error.errno or 0), remedy.format(place=place))
