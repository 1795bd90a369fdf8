"""Whether the agent's configuration file is one that its own reader takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

Judge = Callable[[Path], bool | None]
"""Whether a file is valid; None: it cannot be told."""


class ConfigFile:
    """Judges one file when it has changed; a probe and the reload action share the word."""

    def __init__(self, path: Path, judge: Judge) -> None:
        self._path = path
        self._judge = judge
        self._lock = threading.Lock()
        self._known: tuple[object, bool] | None = None

    def valid(self) -> bool | None:
        """None: it cannot be told, and may be asked again; a file that is away is not invalid."""
        with self._lock:
            seen = stamp(self._path)
            if self._known is None or self._known[0] != seen:
                word = None if seen is None else self._judge(self._path)
                self._known = None if word is None else (seen, word)
            return None if self._known is None else self._known[1]


def stamp(path: Path) -> tuple[int, ...] | None:
    """What changes with the file; None where it is away or denied."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid
