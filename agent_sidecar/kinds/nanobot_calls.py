"""nanobot's `llm_usage.sqlite3`: one row a model call, without content.

A scheduled job whose model call failed is still `ok` in nanobot's job list (seen with 0.3.5), so
the failures of jobs are told here too. Opened read-only; only new rows are read at each look.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from agent_sidecar.probes.usage import RECENT, Calls

RETRIED: Final = 2
"""Failed calls in a row that make a failed job: nanobot itself retries a first failure."""

# COALESCE, for in SQL nothing is neither true nor false, and NOT of it neither.
_FAILED: Final = (
    "(error_kind IS NOT NULL OR COALESCE(error_status_code, 0) >= 400 OR finish_reason = 'error')"
)

_NEW: Final = f"""
    SELECT COUNT(*), COALESCE(MAX(id), 0), COALESCE(SUM({_FAILED}), 0),
           COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0),
           MAX(CASE WHEN NOT {_FAILED} THEN started_at_ms END),
           MAX(CASE WHEN source IN ('user', 'api') THEN started_at_ms END)
    FROM llm_calls WHERE id > ?
"""  # noqa: S608  made of constants

_RECENT: Final = f"""
    SELECT COUNT(*), COALESCE(SUM({_FAILED}), 0),
           COALESCE(MAX(error_status_code IN (401, 403)), 0),
           COALESCE(MAX(error_status_code = 429), 0)
    FROM llm_calls WHERE started_at_ms > ?
"""  # noqa: S608

_CRON: Final = f"""
    SELECT {_FAILED} FROM llm_calls WHERE source = 'cron' AND id > ? ORDER BY id DESC LIMIT ?
"""  # noqa: S608


class UsageLog:
    """Sums over the rows seen so far; a database that was replaced is read anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clear()

    def _clear(self) -> None:
        self._last_id = 0
        self._counts = [0, 0, 0, 0]
        self._good: int | None = None
        self._user: int | None = None
        self._cron: list[bool] = []

    @property
    def jobs_fail(self) -> bool:
        """Whether the last calls that scheduled jobs made all failed."""
        return len(self._cron) == RETRIED and all(self._cron)

    def read(self) -> Calls | None:
        """What the database says now, or None where it cannot be read."""
        if not os.path.isfile(self._path):  # noqa: PTH113  a pipe in its place would hold us up
            return None
        since = (time.time() - RECENT) * 1000
        try:
            with closing(self._open()) as database:
                (last,) = database.execute("SELECT COALESCE(MAX(id), 0) FROM llm_calls").fetchone()
                if last < self._last_id:
                    self._clear()
                self._take_new(database)
                recent, bad, refused, throttled = database.execute(_RECENT, (since,)).fetchone()
        except sqlite3.Error:
            return None
        total, failed, tokens_in, tokens_out = self._counts
        return Calls(
            total=total,
            failed=failed,
            tokens_input=tokens_in,
            tokens_output=tokens_out,
            last_good=None if self._good is None else self._good / 1000,
            last_user=None if self._user is None else self._user / 1000,
            source_known=True,
            recent=recent,
            recent_failed=bad,
            refused=bool(refused),
            throttled=bool(throttled),
        )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=1)

    def _take_new(self, database: sqlite3.Connection) -> None:
        count, last, failed, tokens_in, tokens_out, good, user = database.execute(
            _NEW, (self._last_id,)
        ).fetchone()
        if not count:
            return
        rows = database.execute(_CRON, (self._last_id, RETRIED)).fetchall()
        self._cron = [*(bool(row[0]) for row in rows), *self._cron][:RETRIED]
        added = (count, failed, tokens_in, tokens_out)
        self._counts = [before + more for before, more in zip(self._counts, added, strict=True)]
        self._good = max(filter(None, (self._good, good)), default=None)
        self._user = max(filter(None, (self._user, user)), default=None)
        self._last_id = last
