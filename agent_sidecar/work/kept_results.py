"""Results that the hub did not take, in a folder of ours beside the attempts: content, 0600, for
the next start to hand over, or for a person to look at. They go after a day, and before that where
there are too many or too much.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept
from agent_sidecar.work.collect import BadOutput, Output, collected
from agent_sidecar.work.hub import TASK_ID, Claim
from agent_sidecar.work.out_size import disk_is_full
from agent_sidecar.work.task_folder import remove_tree
from fleet.contract import trusted_path
from fleet.contract.work_vocabulary import TaskReason

FOLDER: Final = "kept"

NOTE: Final = ".claim"
"""In the folder of a result: under which claim it was made, and what it is. No output begins with a
point. Without it nobody hands the result over."""

KEPT: Final = 24 * 3600.0
"""Seconds that a result is kept."""

MOST: Final = 32
"""Results that are kept; the oldest go."""

MOST_BYTES: Final = 1024**3
"""Bytes of all of them together."""

_PIECE: Final = 1024 * 1024
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True, slots=True)
class KeptResult:
    """What was made under `claim` and not handed over. `asks`: it is a question; `files`: what each
    is, in words of its note."""

    place: Path
    claim: Claim
    asks: bool
    files: tuple[str, ...]

    @contextmanager
    def opened(self) -> Iterator[list[Output]]:
        """Its files, whole.

        Raises:
            BadOutput: they are not what was kept, as after a loss of power.
        """
        with collected(self.place, MOST_BYTES, ()) as outputs:
            if _described(outputs) != self.files:
                raise BadOutput(TaskReason.DIGEST_MISMATCH, "its files are not what was kept")
            yield outputs


def keep_result(state: Path, claim: Claim, outputs: Iterable[Output], *, asks: bool) -> Path:
    """Copy what an attempt made; where to. Of one that is kept the day begins anew.

    Raises:
        OSError: there is no room for it, or no right.
    """
    place = state / FOLDER / claim.name
    with suppress(FileNotFoundError):
        os.utime(place, follow_symlinks=False)
        return place
    found = list(outputs)
    size = sum(output.content.size for output in found)
    if disk_is_full(str(state), size) or size > MOST_BYTES:
        raise OSError(28, "there is no room for it")
    forget_results(state, room=size)
    begun = place.with_name(f"{claim.name}.part")
    if begun.exists():
        remove_tree(begun)
    trusted_path.make_folder(begun)
    try:
        for output in found:
            folder = begun if output.section is None else begun / output.section
            trusted_path.make_folder(folder)
            _copy(output.handle, folder / output.name)
            trusted_path.sync_folder(folder)
        trusted_path.write_text(begun / NOTE, _note(claim, asks, _described(found)), 0o600)
        begun.rename(place)  # whoever is killed before leaves nothing that looks whole
        trusted_path.sync_folder(place.parent)
    except OSError:
        remove_tree(begun)
        raise
    return place


def kept_results(state: Path) -> list[KeptResult]:
    """Those that may still be handed over. A note that is damaged is told, and its result left."""
    found = []
    for path in sorted((state / FOLDER).glob(f"*/{NOTE}")):
        note = None
        if path.parent.suffix != ".part":
            note = read_kept(path, _parsed, "the claim under which a result was made")
        if note is not None:
            found.append(KeptResult(path.parent, *note))
    return found


def forget_claim(place: Path) -> None:
    """Nobody is to hand that result over any more; it stays for whoever looks."""
    with suppress(OSError):
        (place / NOTE).unlink(missing_ok=True)


def forget_old(state: Path) -> None:
    """Remove what has been here long enough, also by other names: an agent that was renamed leaves
    some behind."""
    for one in state.parent.parent.glob(f"*/{state.name}"):
        forget_results(one)


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


def _described(outputs: Iterable[Output]) -> tuple[str, ...]:
    return tuple(f"{one.section or ''}/{one.name} {one.content.digest}" for one in outputs)


def _note(claim: Claim, asks: bool, files: tuple[str, ...]) -> str:
    said = {
        "task": claim.task, "kind": claim.kind, "context": claim.context, "epoch": claim.epoch,
        "attempt": claim.attempt, "lease": claim.lease, "asks": asks, "files": files,
    }  # fmt: skip
    return json.dumps(said)


def _parsed(said: Any) -> tuple[Claim, bool, tuple[str, ...]]:
    task, context = str(said["task"]), str(said["context"])
    lease = float(said["lease"])
    if not (TASK_ID.fullmatch(task) and TASK_ID.fullmatch(context) and lease > 0):
        raise ValueError(task)
    claim = Claim(
        task, str(said["kind"]), context, int(said["epoch"]), int(said["attempt"]), lease,
        timeout=0.0,
        asked=math.inf,  # the machine may have started anew: each lease counts from its answer
    )  # fmt: skip
    return claim, said["asks"] is True, tuple(map(str, said["files"]))


def _copy(source: int, path: Path) -> None:
    handle = trusted_path.open_file(path, _NEW)
    with os.fdopen(handle, "wb") as stream:
        at = 0
        while piece := os.pread(source, _PIECE, at):
            stream.write(piece)
            at += len(piece)
        stream.flush()
        os.fsync(stream.fileno())
