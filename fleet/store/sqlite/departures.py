"""Agents that leave or get another name: their history goes, or goes with them.

Messages and sums hold an agent's number, so a new name is one row, unless somebody was heard by it
already: then the two become one. Rare work, and in one transaction: 100,000 messages take a second.
"""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from typing import Final

from fleet.domain.events import Fact
from fleet.store.hour_totals import HourTotals
from fleet.store.records import Batch, Erasure
from fleet.store.row_mapping import KEY_STEP, KINDS
from fleet.store.sqlite import work
from fleet.store.sqlite.connection import read_meta, write_meta
from fleet.store.sqlite.dead_letters import recount
from fleet.store.work import renaming, shared

_HOURS: Final = (
    "WITH RECURSIVE clock (hour) AS (SELECT (SELECT min(hour) FROM rollup) UNION ALL"
    " SELECT hour + 1 FROM clock WHERE hour < (SELECT max(hour) FROM rollup))"
    " SELECT rollup.hour FROM clock CROSS JOIN rollup ON rollup.hour = clock.hour"
    " WHERE rollup.agent = ?"
)
"""The hours of one agent of many: a seek each, since the sums are in order of time."""

_SUMS: Final = "beats, failing, statuses, alerts, metrics"


def carry_out(database: sqlite3.Connection, batch: Batch) -> None:
    """What `batch` erases and renames, inside a transaction."""
    for erasure in batch.erased:
        erase(database, erasure)
    for old, new in batch.renamed:
        rename(database, old, new)
        shared.carry_out(work.tables(database), partial(renaming.rename, old=old, new=new))


def erase(database: sqlite3.Connection, erasure: Erasure) -> None:
    """Delete what is stored of an agent up to an id, inside a transaction."""
    upto = erasure.upto
    # Ids go on growing, also where the newest of all are erased.
    write_meta(database, "last_id", max(upto, read_meta(database, "last_id")))
    number = _number(database, erasure.agent)
    if number is not None:
        first, last = _keys(number)
        for kind in range(1, len(KINDS)):  # those of a kind of all agents, but heartbeats
            database.execute(
                "DELETE FROM message_index WHERE key = ? AND id IN"
                " (SELECT id FROM message_index WHERE key = ? AND id <= ?)",
                (kind, first + kind, upto),
            )
        database.execute(
            "DELETE FROM message WHERE id IN"
            " (SELECT id FROM message_index WHERE key BETWEEN ? AND ? AND id <= ?)",
            (first, last, upto),
        )
        indexed = read_meta(database, "indexed_to")
        database.execute(
            "DELETE FROM message WHERE id > ? AND id <= ? AND agent = ?", (indexed, upto, number)
        )
        database.execute(
            "DELETE FROM message_index WHERE key BETWEEN ? AND ? AND id <= ?", (first, last, upto)
        )
        for (hour,) in database.execute(_HOURS, (number,)).fetchall():
            database.execute("DELETE FROM rollup WHERE hour = ? AND agent = ?", (hour, number))
    database.execute("DELETE FROM event WHERE agent = ? AND id <= ?", (erasure.agent, upto))
    database.execute("DELETE FROM command WHERE agent = ?", (erasure.agent,))
    for topic in erasure.topics:
        database.execute("DELETE FROM dead_letter WHERE topic = ? AND id <= ?", (topic, upto))
    recount(database)


def rename(database: sqlite3.Connection, old: str, new: str) -> None:
    """Let the history of `old` be that of `new`, inside a transaction."""
    number, taken = _number(database, old), _number(database, new)
    if number is not None:
        if taken is not None:
            _join(database, taken, number)
            database.execute("DELETE FROM agent WHERE id = ?", (taken,))
        database.execute("UPDATE agent SET name = ? WHERE id = ?", (new, number))
    # That the old name left stays of the old name: whoever follows learns it so.
    events = "UPDATE event SET agent = ? WHERE agent = ? AND fact <> ?"
    database.execute(events, (new, old, Fact.FORGOTTEN.value))
    database.execute("UPDATE command SET agent = ? WHERE agent = ?", (new, old))


def _join(database: sqlite3.Connection, gone: int, kept: int) -> None:
    """What has the number `gone`, which is the younger of the two, has the number `kept` now."""
    first, last = _keys(gone)
    database.execute(
        "UPDATE message SET agent = ? WHERE id IN"
        " (SELECT id FROM message_index WHERE key BETWEEN ? AND ?)",
        (kept, first, last),
    )
    indexed = read_meta(database, "indexed_to")
    database.execute(
        "UPDATE message SET agent = ? WHERE id > ? AND agent = ?", (kept, indexed, gone)
    )
    database.execute(
        "INSERT OR IGNORE INTO message_index SELECT key + ?, id FROM message_index"
        " WHERE key BETWEEN ? AND ?",
        ((kept - gone) * KEY_STEP, first, last),
    )
    database.execute("DELETE FROM message_index WHERE key BETWEEN ? AND ?", (first, last))
    for (hour,) in database.execute(_HOURS, (gone,)).fetchall():
        totals = HourTotals()
        for agent in (gone, kept):
            row = database.execute(
                f"SELECT {_SUMS} FROM rollup WHERE hour = ? AND agent = ?",  # noqa: S608 - our own names
                (hour, agent),
            ).fetchone()
            if row is not None:
                *counts, metrics = row
                totals.put_before(counts, json.loads(metrics))
        sums = (*totals.counts, json.dumps(totals.metrics, separators=(",", ":")))
        database.execute(
            "INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)", (hour, kept, *sums)
        )
        database.execute("DELETE FROM rollup WHERE hour = ? AND agent = ?", (hour, gone))


def _number(database: sqlite3.Connection, agent: str) -> int | None:
    row = database.execute("SELECT id FROM agent WHERE name = ?", (agent,)).fetchone()
    return int(row[0]) if row else None


def _keys(number: int) -> tuple[int, int]:
    """The first and last index key of an agent."""
    return number * KEY_STEP, number * KEY_STEP + KEY_STEP - 1
