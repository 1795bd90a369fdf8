"""A sign of life on a terminal, for what takes more than a second and cannot say how far it is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

FIRST: Final = 1.0
"""Seconds without a sign: most calls are over by then."""


@contextmanager
def busy(what: str) -> Iterator[Sign]:
    """While the block runs: what is done, and for how long. Nothing where stderr is no terminal."""
    sign = Sign(_progress(what) if sys.stderr.isatty() else None)
    sign.begin()
    try:
        yield sign
    finally:
        sign.end()


class Sign:
    """Of something that is being done."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._due: threading.Timer | None = None

    def begin(self) -> None:
        if self._progress is not None:
            self._due = threading.Timer(FIRST, self._progress.start)
            self._due.daemon = True
            self._due.start()

    def end(self) -> None:
        if self._progress is not None and self._due is not None:
            self._due.cancel()
            self._due.join()
            self._progress.stop()

    def aside(self, ask: Callable[[], T]) -> T:
        """What `ask` is told by a person, while nothing is drawn."""
        self.end()
        try:
            return ask()
        finally:
            self.begin()


def _progress(what: str) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.add_task(what, total=None)
    return progress
