"""Bring a saved home back, on this machine or another: checked whole, never over another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.home.archive import HEAD, Head, Reader
from fleet.home.check import Finding, check
from fleet.home.new_place import NewPlace, apply, configure, variables
from fleet.home.sealed import MAGIC, Opening
from fleet.home.unpack import unpack
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import FILE_NAME, load
from fleet.store.open import require_whole

_STAGE: Final = ".restoring"
"""Where a home is put together, in the folder that it will fill."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: `findings` are what `fleet home check` would say, `notes` what is to do."""

    head: Head
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_sealed(file: Path) -> bool:
    """Whether a passphrase is needed.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def is_home(file: Path) -> bool:
    """Whether it begins as one that `fleet backup --home` wrote.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        begin = stream.read(512)
    return begin.startswith((MAGIC, f"{HEAD}\0".encode()))


def is_store(file: Path) -> bool:
    """Whether it begins as a store.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def restore(
    file: Path, to: Path, now: float, place: NewPlace, passphrase: Callable[[], str]
) -> Restored:
    """Make the home that is in `file` in the folder `to`, which must be empty or not there.
    `passphrase` is asked only of a sealed file.

    Raises:
        ConfigError: there is something in `to`, the file is not whole or none of ours, its settings
            cannot be read, or the disk is full. Nothing is left behind.
        StoreError: the store in it is damaged or of a newer version.
    """
    trusted_path.require(file)
    try:
        with _stage(to) as stage:
            with file.open("rb") as stream:
                source: Reader = Opening(stream, passphrase()) if is_sealed(file) else stream
                head = unpack(source, stage)
            require_whole(stage)
            apply(stage, place, now)
            for path in sorted(stage.iterdir(), key=lambda path: path.name == FILE_NAME):
                path.rename(to / path.name)  # the settings last: without them it is no home
    except OSError as error:
        why = f"{error.filename or ''} {error.strerror or error}".strip()
        raise ConfigError(f"{file} cannot be restored to {to}", why, f"df -h {to.parent}") from None
    settings = load({"home": str(to)}, variables())
    notes = configure(plan_of(settings))
    return Restored(head, check(settings), notes)


@contextmanager
def _stage(to: Path) -> Iterator[Path]:
    """A folder in `to` for what is not yet whole; where the block fails, `to` is as it was."""
    made = not to.exists()
    if not made and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(
            f"{to} is not empty", "a home is never written over", "--to another folder"
        )
    trusted_path.make_folder(to)
    trusted_path.require(to)
    to.chmod(0o700)
    stage = to / _STAGE
    try:
        stage.mkdir(0o700)
        yield stage
        stage.rmdir()
    except BaseException:
        for path in to.iterdir():  # it was empty: all of it is ours
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if made:
            to.rmdir()
        raise
