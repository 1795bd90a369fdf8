"""Save a whole home into one file, also while its hub and broker run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import fleet
from fleet.contract import trusted_path, work_folder
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import timestamp
from fleet.home import archive
from fleet.home.archive import Head, Writer
from fleet.home.named_files import NamedFile, named_files, rewritten
from fleet.home.parts import Care, files, part_of
from fleet.home.sealed import Sealing
from fleet.home.unpack import MOST_FILES
from fleet.settings import FILE_NAME, Settings
from fleet.store.open import back_up as back_up_store
from fleet.store.open import has_store, is_in_home

BACKUPS: Final = "backups"
"""The folder of a home that no backup takes; made where it is asked for."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds: how many files, and what it does not."""

    files: int
    outside: list[NamedFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def back_up(
    settings: Settings,
    target: Path,
    now: float,
    passphrase: str = "",
    *,
    with_outside: bool = False,
    with_blobs: bool = False,
) -> Saved:
    """Write the home to `target` (0600), whole or not at all; under `passphrase`, if there is one.

    With `with_outside` files that the settings name elsewhere come along, and the settings in the
    copy name them there. With `with_blobs` the content of tasks and boards comes along.

    Raises:
        ConfigError: there is no home, or it cannot be read or the file not be written; or it holds
            more files than a restore takes.
        StoreError: the store is damaged.
        UntrustedPathError: somebody else could put another file in its place.
    """
    home = settings.home
    if not ((home / FILE_NAME).exists() or has_store(settings)):
        why = f"it has neither {FILE_NAME} nor a store"
        raise ConfigError(f"there is no home in {home}", why, "fleet init, or FLEET_HOME")
    place = target.absolute().parent.resolve() / target.name
    if place.is_relative_to(home.resolve()):
        inside = PurePosixPath(place.relative_to(home.resolve()).as_posix())
        if part_of(inside).care is not Care.LEFT:
            raise ConfigError(
                f"{target} would lie in the home that it saves",
                "the next backup would hold it, too, and each would be larger",
                f"{home / BACKUPS / target.name}, which no backup takes; or another folder",
            )
    trusted_path.require(target)
    named = named_files(home)
    elsewhere = [one for one in named if not one.inside and one.path.exists()]
    try:
        if place.parent == (home / BACKUPS).resolve():
            trusted_path.make_folder(place.parent)
        with work_folder.beside(target) as folder:
            content, links = _content(settings, folder, target, with_blobs=with_blobs)
            content |= rewritten(home, _changes(home, named, with_outside=with_outside))
            if with_outside:
                content |= {place: path for one in elsewhere for place, path in _taken(one)}
            if len(content) > MOST_FILES:
                why = f"a restore takes {MOST_FILES} files at most"
                remedy = "leave --with-blobs, and save the folder blobs by other means"
                raise ConfigError(f"{len(content)} files are more than a backup holds", why, remedy)
            part = folder / "home"
            entries = ((PurePosixPath(name), content[name]) for name in sorted(content))
            with _written(part, passphrase) as stream:
                count = archive.write(stream, Head(timestamp(now), fleet.__version__), entries)
            part.replace(target)
    except OSError as error:
        raise ConfigError(
            f"the home cannot be saved to {target}",
            f"{error.filename or ''} {error.strerror or error}".strip(),
            f"df -h {target.parent}; fleet home check",
        ) from None
    return Saved(count, [] if with_outside else elsewhere, links)


def _content(
    settings: Settings, folder: Path, target: Path, *, with_blobs: bool
) -> tuple[dict[str, Path | bytes], list[str]]:
    """Path in the home → where it is, of all that a backup takes; and what is no plain file."""
    content: dict[str, Path | bytes] = {}
    links = []
    for name, path in files(settings.home):
        care = part_of(name).care
        if care is Care.LEFT or path.resolve() == target.resolve():
            continue
        if path.is_symlink() or not path.is_file():
            links.append(str(name))
        elif care is Care.COPIED or (with_blobs and care is Care.CONTENT):
            content[str(name)] = path
    if is_in_home(settings):
        store = folder / "store"
        back_up_store(settings, store)
        content["fleet.sqlite3"] = store
    return content, links


def _changes(
    home: Path, named: list[NamedFile], *, with_outside: bool
) -> dict[tuple[str, ...], str]:
    """Names that would lead nowhere on another machine → what stands for them in the copy."""
    changes = {}
    for one in named:
        if one.inside and not one.moves and "$" not in one.text:
            changes[one.keys] = str(one.path.relative_to(home.resolve()))
        elif with_outside and not one.inside and one.path.exists():
            changes[one.keys] = one.new_place
    return changes


def _taken(named: NamedFile) -> Iterator[tuple[str, Path]]:
    if named.path.is_dir():
        for name, path in files(named.path):
            if path.is_file() and not path.is_symlink():
                yield f"{named.new_place}/{name}", path
    else:
        yield named.new_place, named.path


@contextmanager
def _written(path: Path, passphrase: str) -> Iterator[Writer]:
    """A new file of ours alone, on the disk when the block is over."""
    handle = trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(handle, "wb") as stream:
        if passphrase:
            with closing(Sealing(stream, passphrase)) as sealing:
                yield sealing
        else:
            yield stream
        stream.flush()
        os.fsync(stream.fileno())
