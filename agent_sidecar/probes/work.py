"""Useful work: files that must advance. Running is not working."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

LastWork = Callable[[], float | None]
"""Seconds since the epoch of the last useful work; None where nobody can tell."""


class WorkProbe:
    """Fails when the last useful work is older than `stalled` seconds; 0 never fails."""

    plane = Plane.WORK.value
    name = "work"
    timeout = 5.0
    ignores = "contents of the files"

    def __init__(self, last: LastWork, stalled: float, reads: str) -> None:
        self._last = last
        self._stalled = stalled
        self.reads = reads

    def run(self) -> ProbeResult:
        last = self._last()
        if last is None:
            return ProbeResult(self.plane, Check.UNKNOWN, why="nothing tells of useful work")
        age = max(0.0, time.time() - last)
        stalled = bool(self._stalled) and age >= self._stalled
        evidence = AlertEvidence(
            AlertCode.WORK_STALLED.value,
            stalled,
            Severity.WARNING,
            value=round(age),
            threshold=self._stalled or None,
            source=self.name,
        )
        return ProbeResult(
            self.plane,
            Check.FAIL if stalled else Check.PASS,
            [evidence],
            metrics={"work_age_seconds": round(age)},
        )


def newest_of(patterns: Sequence[str]) -> LastWork:
    """When the newest file that matches a pattern (`**` goes down folders) was written."""

    def last() -> float | None:
        newest: float | None = None
        for pattern in patterns:
            for path in glob.iglob(str(Path(pattern).expanduser()), recursive=True):  # noqa: PTH207
                with suppress(OSError):
                    newest = max(newest or 0.0, Path(path).stat().st_mtime)
        return newest

    return last
