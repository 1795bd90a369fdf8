"""OpenClaw's scheduled jobs, by `openclaw cron list`: times and words of how they ended.

Its database holds credentials and is not opened. The command takes two seconds of processor time,
so that it is asked from time to time, sooner where what is known would be bad news by now. What
would be late by an answer of before is not told: the next one is waited for, as it is where there
is none yet of this gateway. All others come beside the probes, for the next look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent_sidecar.kinds.documents import section
from agent_sidecar.probes.cron import Outcomes
from agent_sidecar.probes.overdue import Due, seconds

OFTEN: Final = 60.0
"""Seconds between two questions, where a job seems to be late or has failed."""

SELDOM: Final = 300.0
"""Seconds between two questions, where all is well."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What is kept of a job: no name, no prompt."""

    due: Due | None
    failed: bool


def in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="openclaw-jobs", daemon=True).start()


class Jobs:
    """The list as it was last told; `ask` gives None where it cannot be.

    Args:
        gateway: who answers; a list of before its start says nothing of its jobs.
        clock: monotonic s.
        begin: runs a function in a thread of its own.
    """

    def __init__(
        self,
        ask: Callable[[], Any],
        gateway: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        begin: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._ask = ask
        self._gateway = gateway
        self._told_by: int | None = None
        self._begin = begin
        self._clock = clock
        self._lock = threading.Lock()  # two probes share one answer
        self._asked = float("-inf")
        self._jobs: list[_Job] | None = None

    def due(self) -> Sequence[Due] | None:
        with self._lock:
            self._look()
            return self._due()

    def outcomes(self) -> Outcomes | None:
        with self._lock:
            self._look()
            if self._jobs is None:
                return None
            return Outcomes(len(self._jobs), sum(1 for job in self._jobs if job.failed))

    def _look(self) -> None:
        now, gateway = self._clock(), self._gateway()
        if gateway != self._told_by:
            self._told_by, self._asked, self._jobs = gateway, float("-inf"), None
        late = self._late()
        patience = OFTEN if self._jobs is None or late or self._failed() else SELDOM
        if now - self._asked < patience:
            return
        self._asked = now
        if self._jobs is None or late:
            self._jobs = _listed(self._ask())
        else:
            self._begin(lambda: self._refresh(gateway))

    def _refresh(self, gateway: int | None) -> None:
        jobs = _listed(self._ask())
        with self._lock:
            if gateway == self._told_by:
                self._jobs = jobs

    def _late(self) -> bool:
        """Whether a job is, if nothing has happened since the list was told."""
        wall = time.time()
        return any(job.late(wall) for job in self._due() or ())

    def _failed(self) -> bool:
        return any(job.failed for job in self._jobs or ())

    def _due(self) -> Sequence[Due] | None:
        if self._jobs is None:
            return None
        return [job.due for job in self._jobs if job.due is not None]


def _listed(document: object) -> list[_Job] | None:
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, list):
        return None
    return [_job(job) for job in jobs if isinstance(job, dict)]


def _job(job: Mapping[str, Any]) -> _Job:
    """`nextRunAtMs` moves on when a run is over: while a model hangs, it is in the past."""
    state = section(job, "state")
    enabled = job.get("enabled") is True
    at = seconds(state.get("nextRunAtMs"), 1000)
    period = seconds(section(job, "schedule").get("everyMs"), 1000)
    return _Job(
        Due(at, period) if enabled and at else None, enabled and state.get("lastStatus") == "error"
    )
