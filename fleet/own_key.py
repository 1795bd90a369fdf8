"""Keys that a home makes for itself: of digests, of links that were sent."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.lock import in_turn

_is_key: Final = re.compile("[0-9a-f]{64}").fullmatch


def own_key(path: Path, *, what: str, without: str) -> bytes:
    """The key in `path`, 64 hexadecimal digits; made where there is none, once by all who ask.

    Args:
        what: as an error calls it; without: what it says becomes of things where the file goes.

    Raises:
        ConfigError: the file is open to others, cannot be read, or holds no whole key: one that was
            cut to a few characters could be guessed.
    """
    if not path.exists():
        with in_turn(path.with_suffix(".lock")):
            if not path.exists():
                write_secret(path, secrets.token_hex(32))
    key = read_secret(path)
    if not _is_key(key):
        raise ConfigError(
            f"{what} {path} is damaged",
            "it is not 64 hexadecimal digits",
            f"put it back from a copy; without one: rm {path}, and {without}",
        )
    return key.encode()
