"""Hourly sums of what agents sent: what is left of messages that are forgotten, for a year."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from fleet.store.records import HOUR, Hours, Rollup

_COLUMNS: Final = "hour, agent, beats, failing, statuses, alerts, metrics"

_SPAN: Final = "SELECT (SELECT min(hour) FROM rollup), (SELECT max(hour) FROM rollup)"
"""Two questions in one: asked as one, every row would be read."""

_ALL: Final = (
    f"SELECT {_COLUMNS} FROM rollup WHERE (hour, agent) > (?, ?) AND hour BETWEEN ? AND ?"  # noqa: S608 - our own column names
    " ORDER BY hour, agent LIMIT ?"
)

_ONE: Final = (
    "WITH RECURSIVE clock (hour) AS (SELECT ? UNION ALL SELECT hour + 1 FROM clock WHERE hour < ?)"  # noqa: S608 - as above
    f" SELECT rollup.{_COLUMNS.replace(', ', ', rollup.')} FROM clock"
    " CROSS JOIN rollup ON rollup.hour = clock.hour AND rollup.agent = ? LIMIT ?"
)
"""One agent of many: a seek an hour, so that a year of it reads no row of another's."""


def select(
    database: sqlite3.Connection,
    names: dict[int, str],
    *,
    since: float,
    until: float,
    agent: int | None,
    after: tuple[int, int],
    limit: int,
) -> Hours:
    """Sums of the hours that these times touch, oldest first, from the (hour, agent) `after` on."""
    after_hour, after_agent = after
    first, last = database.execute(_SPAN).fetchone()
    if first is None:
        return Hours([], None)
    first = int(since // HOUR) if since > first * HOUR else first
    last = int(until // HOUR) if until < last * HOUR else last
    if agent is not None:
        first = max(first, after_hour + 1)
    if first > last:
        return Hours([], None)
    if agent is None:
        rows = database.execute(_ALL, (after_hour, after_agent, first, last, limit))
    else:
        rows = database.execute(_ONE, (first, last, agent, limit))
    found = rows.fetchall()
    following = f"{found[-1][0]}-{found[-1][1]}" if len(found) >= limit else None
    return Hours([_rollup(row, names) for row in found], following)


def _rollup(row: tuple[int, int, int, int, int, int, str], names: dict[int, str]) -> Rollup:
    hour, agent, beats, failing, statuses, alerts, metrics = row
    return Rollup(
        float(hour * HOUR), names[agent], beats, failing, statuses, alerts, json.loads(metrics)
    )
