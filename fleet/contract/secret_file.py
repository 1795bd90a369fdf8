"""Secrets live in 0600 files: never in an address, argv, a log or on the bus."""

from __future__ import annotations

import stat
from pathlib import Path

from fleet.contract.errors import ConfigError


def read_secret(path: Path) -> str:
    """The first line of a secret file, refused when group or others may read it.

    Raises:
        ConfigError: it cannot be read, is empty, or its mode is wider than 0600.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the secret file {path} cannot be read", why, f"ls -l {path}") from None
    if mode & 0o077:
        raise ConfigError(
            f"the secret file {path} is open to others", f"mode {mode:04o}", f"chmod 600 {path}"
        )
    if not text:
        raise ConfigError(f"the secret file {path} is empty", "", f"write the secret into {path}")
    return text
