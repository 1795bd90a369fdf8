"""Secrets live in 0600 files: never in an address, argv, a log or on the bus."""

from __future__ import annotations

import stat
from pathlib import Path

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError


def read_secret(path: Path) -> str:
    """The stripped text of a secret file, refused when group or others may read it.

    Raises:
        ConfigError: it cannot be read, is empty, its mode is wider than 0600, or somebody else
            could have put it there.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigError(
                f"the secret file {path} is open to others", f"mode {mode:04o}", f"chmod 600 {path}"
            )
        text = trusted_path.read_text(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the secret file {path} cannot be read", why, f"ls -l {path}") from None
    if not text:
        raise ConfigError(f"the secret file {path} is empty", "", f"write the secret into {path}")
    return text


def write_secret(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600, whole or not at all.

    The folder is made (0700) where it is missing. The bytes are on the disk when this returns.

    Raises:
        ConfigError: the folder cannot be made or written, or somebody else could exchange it.
    """
    try:
        trusted_path.make_folder(path.parent)
        trusted_path.write_text(path, text, 0o600)
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"{path} cannot be written", why, f"ls -ld {path.parent}") from None
