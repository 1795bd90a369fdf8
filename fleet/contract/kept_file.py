"""Small JSON files that a program keeps for its next run: read whole, or not believed at all.

`trusted_path.write_text` writes them. A crash leaves the old or the new one, but disks fail, people
edit, and an older or a newer release wrote something else; so what is there is judged in one place,
and a file that is not there is never mistaken for one that cannot be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.contract import secret_file, trusted_path
from fleet.contract.errors import ConfigError

T = TypeVar("T")

MAX_LIST: Final = 64 * 1024 * 1024
"""Bytes of a file with an entry for each agent: some 300 for each of 10,000, and room."""

_NOT_OURS: Final = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What a parser runs into in a file that holds something else."""


class DamagedFileError(ConfigError):
    """A file is there, and what stands in it is not what we wrote."""


def read_json(
    path: Path,
    parse: Callable[[Any], T],
    *,
    shape: str,
    remedy: str,
    most: int | None = None,
    secret: bool = False,
) -> T | None:
    """What `parse` makes of the JSON in `path`; None: there is no such file.

    `shape` says what it should be, as in `a list of agents`; `most` is in bytes. A `secret` must be
    open to nobody else.

    Raises:
        DamagedFileError: it was cut, is no JSON, or `parse` found something else in it.
        ConfigError: it cannot be read, or somebody else could have written it.
    """
    try:
        if secret:
            secret_file.require_private(path)
        content = trusted_path.read_bytes(path, most)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"{path} cannot be read", why, f"ls -ld {path}") from None
    try:
        return parse(json.loads(content, parse_float=_finite, parse_constant=_finite))
    except _NOT_OURS:
        why = f"not {shape}" if content.strip() else "it is empty"
        raise DamagedFileError(f"{path} is damaged", why, remedy) from None


def _finite(text: str) -> float:
    """JSON knows no infinity, and no time or count of ours is one."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
