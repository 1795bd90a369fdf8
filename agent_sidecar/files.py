"""Small files that must survive a crash whole."""

from __future__ import annotations

import errno
from pathlib import Path

from fleet.contract import trusted_path


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` (0600) so that a reader, or a crash, sees the old or the new file
    whole.

    Raises:
        OSError: full disk, no right to write, or somebody else could exchange the folder; the old
            file stands.
    """
    try:
        trusted_path.write_text(path, text, 0o600)
    except trusted_path.UntrustedPathError as error:
        raise OSError(errno.EPERM, error.why) from None
