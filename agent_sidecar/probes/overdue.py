"""Work that was due and did not happen: a job whose run should have begun and is not over.

A model that hangs fails nothing and answers nothing; the agent's own schedule tells. How late is
too late comes from that schedule too, so that nothing has to be set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.vocabulary import AlertCode, Check, Plane

PERIODS: Final = 1.5
"""Periods that a job may be behind, as a bus heartbeat may."""

LEAST: Final = 60.0
"""Seconds that any job may be behind: a turn of a model takes that long, and a tick of Hermes's
scheduler comes once in them."""

MOST: Final = 3600.0
"""Seconds after which a daily job is overdue as well."""

USUAL: Final = 600.0
"""Seconds that a job may be behind which runs once, or at times that are no period."""


@dataclass(frozen=True, slots=True)
class Due:
    """One job that is switched on.

    Attributes:
        at: when its run was or will be due, s since the epoch. It stays while the run lasts. None:
            its schedule has no next time, so that it never runs.
        period: s between runs, None: it has none.
    """

    at: float | None
    period: float | None = None

    @property
    def grace(self) -> float:
        """Seconds that it may be behind."""
        return min(max(PERIODS * self.period, LEAST), MOST) if self.period else USUAL

    def late(self, now: float) -> float:
        """Seconds that it is behind, if that is more than it may be; else 0."""
        behind = 0.0 if self.at is None else now - self.at
        return behind if behind >= self.grace else 0.0


class OverdueProbe:
    """Fails while a job is overdue, warns of one that never runs; `read` gives None where the
    schedule cannot be told."""

    plane = Plane.WORK.value
    name = "schedule"
    ignores = "names, messages, outputs and error texts of the jobs"

    def __init__(
        self, read: Callable[[], Sequence[Due] | None], reads: str, timeout: float = 5.0
    ) -> None:
        self._read = read
        self.reads = reads
        self.timeout = timeout

    def run(self) -> ProbeResult:
        jobs = self._read()
        if jobs is None:
            return ProbeResult(self.plane, Check.UNKNOWN, why="nobody tells when jobs are due")
        now = time.time()
        late = [(behind, job.grace) for job in jobs if (behind := job.late(now))]
        never = sum(1 for job in jobs if job.at is None)
        worst = max(late, default=None)
        evidence = AlertEvidence(
            AlertCode.WORK_STALLED.value,
            bool(late),
            value=round(worst[0]) if worst else None,
            threshold=round(worst[1]) if worst else None,
            source=self.name,
        )
        well = Check.WARN if never else Check.PASS
        return ProbeResult(
            self.plane,
            Check.FAIL if late else well,
            [evidence],
            metrics={"cron_jobs_overdue": len(late)},
            why=f"{never} jobs are switched on and have no next run" if never else "",
        )


def seconds(value: object, scale: float = 1.0) -> float | None:
    """A number that an agent's file holds, over `scale`; None where it is none above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value / scale if 0 < value < 1e15 else None
