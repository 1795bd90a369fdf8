"""The version of an agent that is a Python package, read from the name of a folder.

Asking the agent's own program costs seconds of CPU; the folder costs nothing and says also
whether the package was replaced after the agent had started.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.patterns import VERSION
from fleet.contract.vocabulary import AlertCode, Check, Plane

PLACES: Final = (
    "lib/python3*/site-packages",
    "lib/python3*/dist-packages",
    "lib/python3/dist-packages",
)

SLACK: Final = 5.0
"""Seconds between the clocks of a file system and of the agent."""

SAME: Final = 1.0
"""Seconds between two words on one start, reckoned from how long it was ago."""


class InstalledProbe:
    """Version of `package` beside the interpreter `python`; `started` tells of drift.

    It says nothing of the process plane: that is the process probe's word.
    """

    plane = Plane.PROCESS.value
    name = "version"
    timeout = 5.0
    ignores = "the package itself"

    def __init__(
        self,
        package: str,
        python: Callable[[], Path | None],
        started: Callable[[], float | None],
    ) -> None:
        self._package = package
        self._python = python
        self._started = started
        self._running: tuple[float, str] | None = None
        self.reads = f"name and time of the folder {package}-VERSION.dist-info"

    def run(self) -> ProbeResult:
        python = self._python()
        found = None if python is None else installed(self._package, python)
        started = self._started()
        if found is None or started is None:
            return ProbeResult(self.plane, Check.PASS)
        version, written = found
        drifted = written > started + SLACK
        if not drifted:
            self._running = (started, version)
        known = self._running
        running = known[1] if known and abs(known[0] - started) < SAME else None
        evidence = AlertEvidence(AlertCode.VERSION_DRIFT.value, drifted, source=self.name)
        versions = {"agent": running} if running else {}
        return ProbeResult(self.plane, Check.PASS, [evidence], versions=versions)


def installed(package: str, python: Path) -> tuple[str, float] | None:
    """(version, when it was written in s since the epoch) of `package` beside an interpreter, or
    beside a program in the same folder."""
    prefix = python.parent.parent
    folders = (
        folder for place in PLACES for folder in prefix.glob(f"{place}/{package}-*.dist-info")
    )
    for folder in folders:
        version = folder.name.removesuffix(".dist-info").rpartition("-")[2]
        if re.fullmatch(VERSION, version):
            return version, min(folder.stat().st_mtime, time.time())
    return None
