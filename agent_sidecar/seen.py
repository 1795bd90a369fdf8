"""Ids of commands that were answered, so that each is answered once, also after a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from agent_sidecar.files import replace_text

MAX_IDS: Final = 1024
"""Only accepted commands are remembered, and those are rate-limited."""


class SeenIds:
    """Remembers ids until they expire (s since the epoch) in the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, float] = _read(path)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._until

    def add(self, id_: str, until: float, now: float) -> None:
        alive = {known: end for known, end in self._until.items() if end > now}
        while len(alive) >= MAX_IDS:
            del alive[min(alive, key=alive.__getitem__)]
        self._until = {**alive, id_: until}

    def save(self) -> None:
        """Write the ids down.

        Raises:
            OSError: full disk; memory still knows them.
        """
        replace_text(self._path, json.dumps(self._until))


def _read(path: Path) -> dict[str, float]:
    try:
        return {str(id_): float(until) for id_, until in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
