"""Results that the hub did not take, in a folder of ours beside the attempts: content, 0600, for a
person to look at. They go after a day, and before that where there are too many or too much.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent_sidecar.work.collect import Output
from agent_sidecar.work.out_size import disk_is_full
from agent_sidecar.work.task_folder import remove_tree
from fleet.contract import trusted_path

FOLDER: Final = "kept"

KEPT: Final = 24 * 3600.0
"""Seconds that a result is kept."""

MOST: Final = 32
"""Results that are kept; the oldest go."""

MOST_BYTES: Final = 1024**3
"""Bytes of all of them together."""

_PIECE: Final = 1024 * 1024
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def keep_result(state: Path, name: str, outputs: Iterable[Output]) -> Path:
    """Copy what an attempt made; where to. Of one that is kept the day begins anew.

    Raises:
        OSError: there is no room for it, or no right.
    """
    place = state / FOLDER / name
    with suppress(FileNotFoundError):
        os.utime(place, follow_symlinks=False)
        return place
    found = list(outputs)
    size = sum(output.content.size for output in found)
    if disk_is_full(str(state), size) or size > MOST_BYTES:
        raise OSError(28, "there is no room for it")
    forget_results(state, room=size)
    begun = place.with_name(f"{name}.part")
    if begun.exists():
        remove_tree(begun)
    trusted_path.make_folder(begun)
    try:
        for output in found:
            folder = begun if output.section is None else begun / output.section
            trusted_path.make_folder(folder)
            _copy(output.handle, folder / output.name)
        begun.rename(place)  # whoever is killed before leaves nothing that looks whole
    except OSError:
        remove_tree(begun)
        raise
    return place


def forget_results(state: Path, room: int = 0) -> None:
    """Remove what has been here long enough; with `room`, also what is in the way of one more of so
    many bytes. What cannot be removed stays until the next time."""
    kept = sorted(_kept(state / FOLDER))
    left, size = len(kept), sum(one[2] for one in kept)
    for at, path, taken in kept:
        too_much = room and (left >= MOST or size + room > MOST_BYTES)
        if too_much or time.time() - at >= KEPT:  # a clock that is behind forgets nothing
            try:
                remove_tree(path)
            except OSError:
                continue
            left, size = left - 1, size - taken


def _kept(folder: Path) -> list[tuple[float, Path, int]]:
    """(since when, where, bytes) of each result."""
    found = []
    for path in folder.glob("*"):
        try:
            files = [file.lstat() for file in path.rglob("*")]
            found.append((path.lstat().st_mtime, path, sum(file.st_size for file in files)))
        except OSError:
            continue
    return found


def _copy(source: int, path: Path) -> None:
    handle = trusted_path.open_file(path, _NEW)
    with os.fdopen(handle, "wb") as stream:
        at = 0
        while piece := os.pread(source, _PIECE, at):
            stream.write(piece)
            at += len(piece)
