"""A wall clock that is off, for real Python processes; the clocks that only run forward are right.

libfaketime will not do where a process sleeps: Python sleeps until a moment of the monotonic clock,
and libfaketime 0.9.10 takes its shift off that too: the sleep fails (EINVAL), or lasts an hour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.sidecar import ROOT

SITE: Final = """
import os, time
real, ahead = time.time, float(os.environ["CLOCK_AHEAD"])
time.time = lambda: real() + ahead
"""


def ahead(folder: Path, seconds: float) -> tuple[str, ...]:
    """Words before a program: it, and every Python that it starts, is so many seconds ahead."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITE)
    return ("env", f"CLOCK_AHEAD={seconds:g}", f"PYTHONPATH={folder}:{ROOT}")


STEERED: Final = """
import os, time
real = time.time
def shifted():
    with open(os.environ["CLOCK_FILE"]) as file:
        return real() + float(file.read() or 0)
time.time = shifted
"""


class SteeredClock:
    """A wall clock that is set while programs run by it; `words` stand before them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(STEERED)
        self._file = folder / "ahead"
        self.set(0.0)
        self.words = ("env", f"CLOCK_FILE={self._file}", f"PYTHONPATH={folder}:{ROOT}")

    def set(self, ahead: float) -> None:
        """Be so many seconds ahead from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead:g}")
        new.replace(self._file)
