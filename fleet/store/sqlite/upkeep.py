"""Work that waits until there is time: the index behind the log, roll-ups, forgetting.

Each step is one short transaction, so that intake never waits long for it.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from fleet.store.hour_totals import HourTotals
from fleet.store.records import HOUR
from fleet.store.retention import DAY, GIGABYTE, Retention
from fleet.store.sqlite import dead_letters
from fleet.store.sqlite.connection import read_meta, write_meta
from fleet.store.sqlite.row_mapping import KEY_STEP, KINDS

CHUNK: Final = 5_000
"""Rows a step: some 10 ms."""


class Upkeep:
    """Takes one step a call, and says whether more is waiting."""

    def __init__(self, retention: Retention) -> None:
        self._keep = retention
        self.values_left_out = 0

    def step(self, database: sqlite3.Connection, now: float) -> bool:
        """One step inside the caller's transaction."""
        return self._index(database) or self._roll_up(database, now) or self._forget(database, now)

    def _index(self, database: sqlite3.Connection) -> bool:
        """Enter the next rows in the index, in its own order."""
        done = read_meta(database, "indexed_to")
        (last,) = database.execute(
            "SELECT max(id) FROM (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?)",
            (done, CHUNK),
        ).fetchone()
        if last is None:
            return False
        database.execute(
            "INSERT OR IGNORE INTO message_index"
            " SELECT agent * ? + kind AS key, id FROM message WHERE id > ? AND id <= ?"
            " UNION ALL SELECT kind, id FROM message WHERE id > ? AND id <= ? AND kind > 0"
            " ORDER BY 1, 2",
            (KEY_STEP, done, last, done, last),
        )
        write_meta(database, "indexed_to", last)
        return True

    def _roll_up(self, database: sqlite3.Connection, now: float) -> bool:
        """Sum up messages of hours that are over, a chunk at a time."""
        done = read_meta(database, "rolled_to")
        rows = database.execute(
            "SELECT id, at, agent, kind, payload FROM message WHERE id > ? AND at < ?"
            " ORDER BY id LIMIT ?",
            (done, now // HOUR * HOUR, CHUNK // 5),
        ).fetchall()
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

    def _forget(self, database: sqlite3.Connection, now: float) -> bool:
        keep = self._keep
        full = used_bytes(database) > keep.max_gb * GIGABYTE
        if self._forget_messages(database, float("inf") if full else now - keep.raw * DAY):
            return True
        if dead_letters.forget(database, now - keep.dead_letters * DAY, CHUNK):
            return True
        values = (CHUNK, now - keep.events * DAY, keep.max_events)
        if database.execute(_FORGET_EVENTS, values).rowcount > 0:
            return True
        database.execute("DELETE FROM rollup WHERE hour < ?", ((now - keep.rollups * DAY) // HOUR,))
        database.execute("DELETE FROM command WHERE created < ?", (now - keep.commands * DAY,))
        database.execute("DELETE FROM moment WHERE at < ?", (now - keep.raw * DAY - HOUR,))
        return False

    def _forget_messages(self, database: sqlite3.Connection, before: float) -> bool:
        """The oldest chunk, but never what a restart must still apply or what is not rolled up."""
        needed = min(
            read_meta(database, name) for name in ("replay_from", "rolled_to", "indexed_to")
        )
        (last,) = database.execute(
            "SELECT max(id) FROM (SELECT id, at FROM message WHERE id < ? ORDER BY id LIMIT ?)"
            " WHERE at < ?",
            (needed, CHUNK, before),
        ).fetchone()
        if last is None:
            return False
        # The log is in order of time, so what is too old is its beginning; and few statements,
        # since each waits for a busy event loop.
        for key in ("agent * ? + kind", "0 * ? + kind"):
            database.execute(_FORGET_INDEX.format(key), (KEY_STEP, last))
        database.execute("DELETE FROM message WHERE id <= ?", (last,))
        return True


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
    "DELETE FROM event WHERE id IN (SELECT id FROM (SELECT id, at FROM event ORDER BY id"
    " LIMIT ?) WHERE at < ?) OR id <= (SELECT id FROM event ORDER BY id DESC"
    " LIMIT 1 OFFSET ?)"
)
