"""Work that waits until there is time: roll-ups and forgetting; indices need none.

Each step is one short transaction, so that intake never waits long for it.
"""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any, Final

from fleet.domain.work.limits import KEPT_TOLD
from fleet.store import moments
from fleet.store.hour_totals import HourTotals, is_over
from fleet.store.postgres import dead_letters, months, work
from fleet.store.postgres.bulk_insert import insert_many
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import Portable, number, read_meta, write_meta
from fleet.store.records import HOUR
from fleet.store.retention import DAY, GIGABYTE, Retention, TimeFor, expired
from fleet.store.row_mapping import KINDS
from fleet.store.work import task_calls
from fleet.store.work.shared import carry_out

CHUNK: Final = 5_000
"""Rows a step: some 10 ms."""

_OTHERS: Final = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE oid IN ('rollup'::regclass,"
    " 'dead_letter'::regclass, 'event'::regclass, 'record'::regclass, 'alert'::regclass,"
    " 'command'::regclass, 'moment'::regclass, 'task'::regclass, 'blob_use'::regclass,"
    " 'board_entry'::regclass, 'work_read'::regclass)"
)


class Upkeep:
    """Takes one step a call, and says whether more is waiting."""

    def __init__(self, retention: Retention) -> None:
        self._keep = retention
        self._first = 0
        self.values_left_out = 0

    def step(self, connection: Connection, now: float, due: TimeFor | None = None) -> bool:
        """One step inside the caller's transaction."""
        return (
            self._roll_up(connection, now)
            or self._forget(connection, now, due or (lambda _: now))
            or self._forget_work(connection, now, due or (lambda _: now))
        )

    def _forget_work(self, connection: Connection, now: float, due: TimeFor) -> bool:
        until = min(now, due(KEPT_TOLD / DAY))
        return carry_out(work.tables(connection), lambda known: task_calls.forget(known, until))

    def _roll_up(self, connection: Connection, now: float) -> bool:
        """Sum up messages of hours that are over, a chunk at a time."""
        done = read_meta(connection, "rolled_to")
        waiting = connection.execute(
            "SELECT id, at, agent, kind, payload FROM message WHERE id > %s ORDER BY id LIMIT %s",
            (done, CHUNK // 5),
        ).fetchall()
        rows = list(takewhile(lambda row: is_over(row[1], now), waiting))
        if not rows:
            return False
        sums: dict[tuple[int, int], HourTotals] = {}
        for _id, at, agent, kind, payload in rows:
            totals = sums.setdefault((int(at // HOUR), agent), HourTotals())
            totals.add(KINDS[kind], json.loads(payload))
        for hour, agent, *counts, metrics in connection.execute(
            "SELECT hour, agent, beats, failing, statuses, alerts, metrics FROM rollup"
            " JOIN unnest(%s::bigint[], %s::bigint[]) AS wanted (hour, agent) USING (hour, agent)",
            ([hour for hour, _ in sums], [agent for _, agent in sums]),
        ).fetchall():
            sums[hour, agent].put_before(counts, json.loads(metrics))
        self.values_left_out += sum(totals.left_out for totals in sums.values())
        insert_many(
            connection,
            "rollup",
            (
                (*key, *totals.counts, json.dumps(totals.metrics, separators=(",", ":")))
                for key, totals in sums.items()
            ),
        )
        write_meta(connection, "rolled_to", rows[-1][0])
        return True

    def _forget(self, connection: Connection, now: float, due: TimeFor) -> bool:
        """What is too old by `due`, a chunk at a time; `now` tells what is of the future."""
        keep = self._keep
        full = used_bytes(connection) > keep.max_gb * GIGABYTE
        before = float("inf") if full else due(keep.raw) - keep.raw * DAY
        if self._forget_messages(connection, before, now):
            return True
        before = due(keep.dead_letters) - keep.dead_letters * DAY
        if dead_letters.forget(connection, _oldest(connection, "dead_letter", before, now)):
            return True
        last = _oldest(connection, "event", due(keep.events) - keep.events * DAY, now)
        if connection.execute(_FORGET_EVENTS, (last, keep.max_events)).rowcount > 0:
            return True
        oldest_hour = (due(keep.rollups) - keep.rollups * DAY) // HOUR
        connection.execute("DELETE FROM rollup WHERE hour < %s", (oldest_hour,))
        connection.execute(
            "DELETE FROM command WHERE created < %s", (due(keep.commands) - keep.commands * DAY,)
        )
        first = number(connection, "SELECT min(id) FROM message")
        if first is not None and first != self._first:
            self._first = first
            moments.forget(Portable(connection), first)
        return False

    def _forget_messages(self, connection: Connection, before: float, now: float) -> bool:
        """The oldest month if all of it may go, else the oldest chunk; but never what a restart
        must still apply or what is not rolled up."""
        needed = min(read_meta(connection, name) for name in ("replay_from", "rolled_to"))
        last = _oldest(connection, "message", before, now, below=needed)
        if last is None:
            return self._drop_empty(connection)
        month = number(connection, "SELECT min(month) FROM month_of_messages")
        if month is not None and _may_go(connection, month, before, needed):
            months.drop(connection, month)
        else:
            months.delete(connection, "id <= %s", (last,))
        return True

    def _drop_empty(self, connection: Connection) -> bool:
        """Drop a month of which nothing is left, if there is a younger one."""
        month = number(
            connection,
            "SELECT min(month) FROM month_of_messages WHERE bytes <= 0"
            " AND month < (SELECT max(month) FROM month_of_messages)",
        )
        if month is None or not _is_empty(connection, month):
            return False
        months.drop(connection, month)
        return True


def _is_empty(connection: Connection, month: int) -> bool:
    query = f"SELECT NOT EXISTS (SELECT FROM {months.table_of(month)})"  # noqa: S608 - our own names
    return bool(number(connection, query))


def _may_go(connection: Connection, month: int, before: float, needed: int) -> bool:
    """Whether all of a month is too old, and nothing outside of it came before its end."""
    begin, end = months.bounds(month)
    if end > before:
        return False
    query = f"SELECT max(id) FROM {months.table_of(month)}"  # noqa: S608 - our own names
    last = number(connection, query)
    if last is None or last >= needed:
        return False
    earlier = number(
        connection,
        "SELECT id FROM message WHERE id <= %s AND (at < %s OR at >= %s) LIMIT 1",
        (last, begin, end),
    )
    return earlier is None


def _oldest(
    connection: Connection, table: str, before: float, now: float, below: int = moments.END
) -> int | None:
    """The id up to which the oldest chunk of `table` is from before a time; None: nothing is."""
    query = f"SELECT id, at FROM {table} WHERE id < %s ORDER BY id LIMIT %s"  # noqa: S608 - our own names
    first = connection.execute(query, (below, 1)).fetchone()
    if first is None or before <= first[1] <= now:  # as nearly always
        return None
    rows: list[Any] = connection.execute(query, (below, CHUNK)).fetchall()
    last = expired(rows, before, now)
    if last is None and len(rows) == CHUNK and all(at > now for _, at in rows):
        # All of it is stamped with the future, by a clock that was wrong: it is as old as what
        # came next, wherever that is.
        following = _following(connection, table, rows[-1][0], now)
        if following is not None and following < before:
            return int(rows[-1][0])
    return last


def _following(connection: Connection, table: str, after: int, now: float) -> float | None:
    """The time of the first row behind `after` that is not of the future. Of messages, of which
    there may be many millions, it is known to ten seconds."""
    is_log = table == "message"
    late = moments.MOMENT if is_log else 0
    query = (
        f"SELECT at FROM {'moment' if is_log else table}"  # noqa: S608 - our own names
        " WHERE id > %s AND at <= %s ORDER BY id LIMIT 1"
    )
    row = connection.execute(query, (after, now)).fetchone()
    return None if row is None else float(row[0]) + late


def used_bytes(connection: Connection) -> int:
    """What the store holds: messages as they are counted, the rest with the room that it takes."""
    messages = number(connection, "SELECT sum(bytes) FROM month_of_messages") or 0
    return messages + (number(connection, _OTHERS) or 0)


_FORGET_EVENTS: Final = (
    "DELETE FROM event WHERE id <= %s OR id <= (SELECT id FROM event ORDER BY id DESC"
    " LIMIT 1 OFFSET %s)"
)
