"""Hermes's jobs and model calls in numbers, from its job list and its databases, read-only.

Beside the numbers stand prompts, titles, folders, users and errors. Only the columns and keys
named here are looked at.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from agent_sidecar.kinds.documents import job_list, load
from agent_sidecar.probes.cron import Outcomes
from agent_sidecar.probes.overdue import Due, seconds
from agent_sidecar.probes.usage import Calls

FRESH: Final = 86_400.0
"""Seconds that the failure of a job counts which is gone or switched off since."""

_GOOD: Final = frozenset({"ok", "success", "completed", "running", "claimed", "skipped"})

_USAGE: Final = """
    SELECT COALESCE(SUM(api_call_count), 0), COALESCE(SUM(input_tokens), 0),
           COALESCE(SUM(output_tokens), 0), MAX(last_seen)
    FROM session_model_usage
"""
_OLD_USAGE: Final = """
    SELECT 0, COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0), NULL FROM sessions
"""
"""0.18 and older keep the sums with the sessions."""

_ANSWERED: Final = "SELECT MAX(timestamp) FROM messages WHERE role = 'assistant'"
_ASKED: Final = "SELECT MAX(timestamp) FROM messages WHERE role = 'user'"
_ENDED: Final = """
    SELECT status FROM executions WHERE status IN ('completed', 'failed')
    ORDER BY rowid DESC LIMIT 1
"""


_RUNNING: Final = """
    SELECT job_id, MIN(claimed_at) FROM executions WHERE status IN ('claimed', 'running')
    GROUP BY job_id LIMIT 1000
"""


def outcomes(home: Path, now: float) -> Outcomes | None:
    """The job list's own word; a one-shot job that fails leaves it, and only its execution tells.

    Args:
        now: s since the epoch.
    """
    path = home / "cron" / "jobs.json"
    jobs = load(path).get("jobs")
    if not isinstance(jobs, list):
        return None
    failed = sum(1 for job in jobs if isinstance(job, dict) and _failed(job, now))
    return Outcomes(len(jobs), failed or int(_last_failed(home / "cron" / "executions.db", now)))


def _failed(job: Mapping[str, object], now: float) -> bool:
    status = job.get("last_status")
    if not isinstance(status, str) or not status or status.lower() in _GOOD:
        return False
    ran = moment(job.get("last_run_at"))
    return job.get("enabled") is not False or (ran is not None and now - ran <= FRESH)


def _last_failed(path: Path, now: float) -> bool:
    try:
        stale = now - path.stat().st_mtime > FRESH
        if stale or not os.path.isfile(path):  # noqa: PTH113
            return False
        with closing(_open(path)) as database:
            row = database.execute(_ENDED).fetchone()
    except (OSError, sqlite3.Error):
        return False
    return row is not None and row[0] == "failed"


def due(home: Path) -> list[Due] | None:
    """Hermes moves `next_run_at` on before a run begins: one that hangs is a row of
    `executions.db` that neither completes nor fails."""
    began = _began(home / "cron" / "executions.db")
    return job_list(home / "cron" / "jobs.json", lambda job: _due(job, began))


def _due(job: Mapping[str, object], began: Mapping[object, float]) -> Due | None:
    at = _stamp(job.get("next_run_at"))
    times = [one for one in (at, began.get(job.get("id"))) if one is not None]
    if job.get("enabled") is not True:
        return None
    if not times:  # while it is paused it has none either
        return Due(None) if job.get("state") == "scheduled" else None
    schedule = job.get("schedule")
    minutes = seconds(schedule.get("minutes")) if isinstance(schedule, dict) else None
    return Due(min(times), minutes and minutes * 60)


def _began(path: Path) -> dict[object, float]:
    """When the runs began that are not over, by job."""
    if not os.path.isfile(path):  # noqa: PTH113
        return {}
    try:
        with closing(_open(path)) as database:
            rows = database.execute(_RUNNING).fetchall()
    except sqlite3.Error:
        return {}
    return {job: at for job, began in rows if (at := moment(began)) is not None}


def calls(home: Path) -> Calls | None:
    """What `state.db` says; calls that failed leave no row in it, so that errors stay unknown."""
    path = home / "state.db"
    if not os.path.isfile(path):  # noqa: PTH113  a pipe in its place would hold us up
        return None
    try:
        with closing(_open(path)) as database:
            total, tokens_in, tokens_out, last = _usage(database)
            (answered,) = database.execute(_ANSWERED).fetchone()
            (asked,) = database.execute(_ASKED).fetchone()
    except sqlite3.Error:
        return None
    worked = [at for at in (moment(last), moment(answered)) if at is not None]
    return Calls(
        total=int(total),
        failed=None,
        tokens_input=int(tokens_in),
        tokens_output=int(tokens_out),
        last_good=max(worked, default=None),
        last_user=moment(asked),
        source_known=False,
        recent=0,
        recent_failed=0,
        refused=False,
        throttled=False,
    )


def _usage(database: sqlite3.Connection) -> tuple[int, int, int, object]:
    try:
        found: tuple[int, int, int, object] = database.execute(_USAGE).fetchone()
    except sqlite3.OperationalError:  # there is no such table
        found = database.execute(_OLD_USAGE).fetchone()
    return found


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)


def moment(value: object) -> float | None:
    """Seconds since the epoch, of a number or an ISO text; the future is none."""
    at = _stamp(value)
    return at if at is not None and at <= time.time() + 60 else None


def _stamp(value: object) -> float | None:
    """As `moment`, of the future too."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            return None
    return seconds(value)
