"""Hourly sums of what agents sent: what is left of messages that are forgotten, for a year."""

from __future__ import annotations

import json
from typing import Any, Final

from fleet.store.postgres.agents import names
from fleet.store.postgres.connection import Connection
from fleet.store.records import HOUR, Hours, Rollup

_COLUMNS: Final = "hour, agent, beats, failing, statuses, alerts, metrics"

_SPAN: Final = "SELECT min(hour), max(hour) FROM rollup"


def select(
    connection: Connection,
    *,
    since: float,
    until: float,
    agent: int | None,
    after: tuple[int, int],
    limit: int,
) -> Hours:
    """Sums of the hours that these times touch, oldest first, from the (hour, agent) `after` on."""
    first, last = connection.execute(_SPAN).fetchone() or (None, None)
    if first is None:
        return Hours([], None)
    first = int(since // HOUR) if since > first * HOUR else first
    last = int(until // HOUR) if until < last * HOUR else last
    values: tuple[Any, ...]
    if agent is None:
        which, values = "(hour, agent) > (%s, %s)", after
    else:
        which, values = "hour > %s AND agent = %s", (after[0], agent)
    query = (
        f"SELECT {_COLUMNS} FROM rollup WHERE {which} AND hour BETWEEN %s AND %s"  # noqa: S608 - our own words
        " ORDER BY hour, agent LIMIT %s"
    )
    rows = connection.execute(query, (*values, first, last, limit)).fetchall()
    following = f"{rows[-1][0]}-{rows[-1][1]}" if len(rows) >= limit else None
    known = names(connection, {row[1] for row in rows})
    return Hours([_rollup(row, known) for row in rows], following)


def _rollup(row: tuple[Any, ...], names: dict[int, str]) -> Rollup:
    hour, agent, beats, failing, statuses, alerts, metrics = row
    return Rollup(
        float(hour * HOUR), names[agent], beats, failing, statuses, alerts, json.loads(metrics)
    )
