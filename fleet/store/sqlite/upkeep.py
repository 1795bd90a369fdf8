"""Work that waits until there is time: the index behind the log, roll-ups, forgetting.

Each step is one short transaction, so that intake never waits long for it.
"""

from __future__ import annotations

import json
import sqlite3
from itertools import takewhile
from typing import Final

from fleet.domain.work.limits import KEPT_TOLD
from fleet.store import moments
from fleet.store.hour_totals import HourTotals, is_over
from fleet.store.records import HOUR
from fleet.store.retention import DAY, GIGABYTE, Retention, TimeFor, expired
from fleet.store.row_mapping import KEY_STEP, KINDS
from fleet.store.sqlite import dead_letters, work
from fleet.store.sqlite.connection import read_meta, write_meta
from fleet.store.work import task_calls
from fleet.store.work.shared import carry_out

CHUNK: Final = 5_000
"""Rows a step: some 10 ms."""


class Upkeep:
    """Takes one step a call, and says whether more is waiting."""

    def __init__(self, retention: Retention) -> None:
        self._keep = retention
        self._first = 0
        self.values_left_out = 0

    def step(self, database: sqlite3.Connection, now: float, due: TimeFor | None = None) -> bool:
        """One step inside the caller's transaction."""
        return (
            self._index(database)
            or self._roll_up(database, now)
            or self._forget(database, now, due or (lambda _: now))
            or self._forget_work(database, now, due or (lambda _: now))
        )

    def _index(self, database: sqlite3.Connection) -> bool:
        """Enter the next rows in the index, in its own order."""
        done = read_meta(database, "indexed_to")
        (last,) = database.execute(
            "SELECT max(id) FROM (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?)",
            (done, CHUNK),
        ).fetchone()
        if last is None:
            return False
        enter_in_index(database, done, last)
        return True

    def _roll_up(self, database: sqlite3.Connection, now: float) -> bool:
        """Sum up messages of hours that are over, a chunk at a time."""
        done = read_meta(database, "rolled_to")
        waiting = database.execute(
            "SELECT id, at, agent, kind, payload FROM message WHERE id > ? ORDER BY id LIMIT ?",
            (done, CHUNK // 5),
        )
        rows = list(takewhile(lambda row: is_over(row[1], now), waiting))
        if not rows:
            return False
        sums: dict[tuple[int, int], HourTotals] = {}
        for _id, at, agent, kind, payload in rows:
            totals = sums.setdefault((int(at // HOUR), agent), HourTotals())
            totals.add(KINDS[kind], json.loads(payload))
        for key, totals in sums.items():
            known = database.execute(
                "SELECT beats, failing, statuses, alerts, metrics FROM rollup"
                " WHERE hour = ? AND agent = ?", key
            ).fetchone()  # fmt: skip
            if known:
                *counts, metrics = known
                totals.put_before(counts, json.loads(metrics))
            self.values_left_out += totals.left_out
            metrics = json.dumps(totals.metrics, separators=(",", ":"))
            database.execute(
                "INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, *totals.counts, metrics),
            )
        write_meta(database, "rolled_to", rows[-1][0])
        return True

    def _forget_work(self, database: sqlite3.Connection, now: float, due: TimeFor) -> bool:
        until = min(now, due(KEPT_TOLD / DAY))
        return carry_out(work.tables(database), lambda known: task_calls.forget(known, until))

    def _forget(self, database: sqlite3.Connection, now: float, due: TimeFor) -> bool:
        """What is too old by `due`, a chunk at a time; `now` tells what is of the future."""
        keep = self._keep
        full = used_bytes(database) > keep.max_gb * GIGABYTE
        before = float("inf") if full else due(keep.raw) - keep.raw * DAY
        if self._forget_messages(database, before, now):
            return True
        before = due(keep.dead_letters) - keep.dead_letters * DAY
        if dead_letters.forget(database, _oldest(database, "dead_letter", before, now)):
            return True
        last = _oldest(database, "event", due(keep.events) - keep.events * DAY, now)
        if database.execute(_FORGET_EVENTS, (last, keep.max_events)).rowcount > 0:
            return True
        oldest_hour = (due(keep.rollups) - keep.rollups * DAY) // HOUR
        database.execute("DELETE FROM rollup WHERE hour < ?", (oldest_hour,))
        database.execute(
            "DELETE FROM command WHERE created < ?", (due(keep.commands) - keep.commands * DAY,)
        )
        (first,) = database.execute("SELECT min(id) FROM message").fetchone()
        if first is not None and first != self._first:
            self._first = first
            moments.forget(database, first)
        return False

    def _forget_messages(self, database: sqlite3.Connection, before: float, now: float) -> bool:
        """The oldest chunk, but never what a restart must still apply or what is not rolled up."""
        needed = min(
            read_meta(database, name) for name in ("replay_from", "rolled_to", "indexed_to")
        )
        last = _oldest(database, "message", before, now, below=needed)
        if last is None:
            return False
        # What is too old is the beginning of the log; and few statements, since each waits for a
        # busy event loop.
        for key in ("agent * ? + kind", "0 * ? + kind"):
            database.execute(_FORGET_INDEX.format(key), (KEY_STEP, last))
        database.execute("DELETE FROM message WHERE id <= ?", (last,))
        return True


def enter_in_index(database: sqlite3.Connection, after: int, last: int) -> None:
    """Enter the messages with ids above `after` up to `last`, inside a transaction."""
    database.execute(
        "INSERT OR IGNORE INTO message_index"
        " SELECT agent * ? + kind AS key, id FROM message WHERE id > ? AND id <= ?"
        " UNION ALL SELECT kind, id FROM message WHERE id > ? AND id <= ? AND kind > 0"
        " ORDER BY 1, 2",
        (KEY_STEP, after, last, after, last),
    )
    write_meta(database, "indexed_to", last)


def _oldest(
    database: sqlite3.Connection, table: str, before: float, now: float, below: int = moments.END
) -> int | None:
    """The id up to which the oldest chunk of `table` is from before a time; None: nothing is."""
    query = f"SELECT id, at FROM {table} WHERE id < ? ORDER BY id LIMIT ?"  # noqa: S608 - our own names
    first = database.execute(query, (below, 1)).fetchone()
    if first is None or before <= first[1] <= now:  # as nearly always
        return None
    rows = database.execute(query, (below, CHUNK)).fetchall()
    last = expired(rows, before, now)
    if last is None and len(rows) == CHUNK and all(at > now for _, at in rows):
        # All of it is stamped with the future, by a clock that was wrong: it is as old as what
        # came next, wherever that is.
        following = _following(database, table, rows[-1][0], now)
        if following is not None and following < before:
            return int(rows[-1][0])
    return last


def _following(database: sqlite3.Connection, table: str, after: int, now: float) -> float | None:
    """The time of the first row behind `after` that is not of the future. Of messages, of which
    there may be many millions, it is known to ten seconds."""
    is_log = table == "message"
    late = moments.MOMENT if is_log else 0
    row = database.execute(
        f"SELECT at + ? FROM {'moment' if is_log else table}"  # noqa: S608 - our own names
        " WHERE id > ? AND at <= ? ORDER BY id LIMIT 1",
        (late, after, now),
    ).fetchone()
    return None if row is None else float(row[0])


def used_bytes(database: sqlite3.Connection) -> int:
    """What the database holds, without the pages that are free to be written again: the file itself
    does not shrink."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


_FORGET_INDEX: Final = (
    "DELETE FROM message_index WHERE (key, id) IN (SELECT {0}, id FROM message WHERE id <= ?)"
)

_FORGET_EVENTS: Final = (
    "DELETE FROM event WHERE id <= ? OR id <= (SELECT id FROM event ORDER BY id DESC"
    " LIMIT 1 OFFSET ?)"
)
