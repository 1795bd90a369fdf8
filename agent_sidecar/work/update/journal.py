"""What an update is about to do, written down before it does it: a killed sidecar's next start goes
on from there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept, replace_text
from fleet.contract.update_words import is_plain
from fleet.contract.vocabulary import Word

FILE: Final = "update.json"

SNAPSHOT: Final = "snapshot"
"""The folder beside it for what a plan keeps before it changes anything."""


class Phase(Word):
    """How far the last update came."""

    CHANGING = "changing", "something may be half installed"
    INSTALLED = "installed", "the version is in place"
    GOING_BACK = "going-back", "on the way to the version before"
    BACK = "back", "the version before is in place"
    FAILED = "failed", "the way back failed"


UNFINISHED: Final = frozenset({Phase.CHANGING, Phase.GOING_BACK})


@dataclass(frozen=True, slots=True)
class Note:
    """The last update: of which rollout, to which version, from which. `what`: see `UpdatePlan`."""

    rollout: str
    version: str
    before: str
    phase: Phase
    what: str = ""


class Journal:
    """Keeps one note in a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self) -> Note | None:
        """The last note; None: there is none that can be read."""
        return read_kept(self._path, _note, "the note of an update")

    def write(self, note: Note) -> None:
        """Keep it, on the disk.

        Raises:
            OSError: it cannot be kept.
        """
        replace_text(self._path, json.dumps(asdict(note)))

    def enter(self, note: Note, phase: Phase) -> Note:
        """The note in its next phase, kept."""
        entered = replace(note, phase=phase)
        self.write(entered)
        return entered


def _note(said: dict[str, Any]) -> Note:
    note = Note(**said | {"phase": Phase(said["phase"])})
    if not all(is_plain(one) for one in (note.version, note.before) if one):
        raise ValueError("a version in it is none")
    return note
