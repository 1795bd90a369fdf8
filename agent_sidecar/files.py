"""Small files that must survive a crash whole, and are read whole or not believed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fleet.contract import kept_file, trusted_path
from fleet.contract.errors import ConfigError

T = TypeVar("T")

log = logging.getLogger(__name__)


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


def read_kept(path: Path, parse: Callable[[Any], T], shape: str) -> T | None:
    """What `parse` makes of the JSON in `path`; None where there is none, or none to believe: the
    sidecar goes on without it and says so. See `kept_file.read_json`."""
    try:
        return kept_file.read_json(path, parse, shape=shape, remedy=f"rm {path}")
    except ConfigError as error:
        log.error("%s: %s; going on without it", error.what, error.why)  # noqa: TRY400 - no defect
        return None
