"""Secrets live in 0600 files: never in an address, argv, a log or on the bus."""

from __future__ import annotations

import stat
from pathlib import Path

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError


def read_secret(path: Path) -> str:
    """The text of a secret file without blanks around it, refused when group or others may read
    it. A broker's password is read by `read_password`.

    Raises:
        ConfigError: it cannot be read, is empty, its mode is wider than 0600, or somebody else
            could have put it there.
    """
    return _filled(path, _text(path).strip())


def read_password(path: Path) -> str:
    """The first line of the file, blanks at its ends and all; else as `read_secret`.

    `scripts/bus-publish` reads it so too.
    """
    return _filled(path, _text(path).split("\n", 1)[0].removesuffix("\r"))


def require_private(path: Path) -> None:
    """
    Raises:
        ConfigError: group or others may read it.
        OSError: it cannot be looked at.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077 and path.is_file():
        raise ConfigError(
            f"the secret file {path} is open to others", f"mode {mode:04o}", f"chmod 600 {path}"
        )


def _text(path: Path) -> str:
    try:
        require_private(path)
        return trusted_path.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the secret file {path} cannot be read", why, f"ls -l {path}") from None


def _filled(path: Path, text: str) -> str:
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
