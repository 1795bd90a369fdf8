"""Cron plane: how the scheduled jobs ended the last time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import AlertCode, Check, Plane


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many jobs there are, and how many of them failed when they last ran."""

    jobs: int
    failed: int


class CronProbe:
    """Fails while a job's last run failed; `read` gives None where it cannot be told."""

    plane = Plane.CRON.value
    name = "cron"
    ignores = "names, messages, outputs and error texts of the jobs"

    def __init__(
        self, read: Callable[[], Outcomes | None], reads: str, timeout: float = 5.0
    ) -> None:
        self._read = read
        self.timeout = timeout
        self.reads = reads

    def run(self) -> ProbeResult:
        outcomes = self._read()
        if outcomes is None:
            return ProbeResult(self.plane, Check.UNKNOWN, why="no outcome of a job can be read")
        failed = outcomes.failed
        evidence = AlertEvidence(
            AlertCode.CRON_FAILURE.value, failed > 0, value=failed, threshold=1, source=self.name
        )
        return ProbeResult(
            self.plane,
            Check.FAIL if failed else Check.PASS,
            [evidence],
            metrics={"cron_jobs": outcomes.jobs, "cron_jobs_failed": failed},
        )


def exit_codes(patterns: Sequence[str]) -> Callable[[], Outcomes | None]:
    """Files that hold the exit code of a job's last run, as `job; echo $? >FILE` writes them.

    A file that holds anything else, or nothing yet, says nothing of its job.
    """

    def read() -> Outcomes | None:
        codes: list[int] = []
        for pattern in patterns:
            for path in glob.iglob(str(Path(pattern).expanduser())):  # noqa: PTH207
                with suppress(OSError, ValueError):
                    codes.append(int(read_plain(Path(path), 16)))
        return Outcomes(len(codes), sum(1 for code in codes if code)) if codes else None

    return read
