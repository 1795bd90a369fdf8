"""One at a time: a scheduled job that takes long must not meet itself, and of two programs that
change a file neither may lose what the other wrote."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold `path` while the block runs; the kernel lets go of it with the process.

    Raises:
        ConfigError: another run holds it, or the folder cannot be written.
    """
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{what} runs already", "", "wait for it to end") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold `path` while the block runs, after whoever holds it now; its folder is made (0700).

    Raises:
        ConfigError: the folder cannot be written.
    """
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        trusted_path.make_folder(path.parent)
        return trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT)
    except OSError as error:
        remedy = f"ls -ld {path.parent}"
        raise ConfigError(f"{path} cannot be written", error.strerror or "", remedy) from None
