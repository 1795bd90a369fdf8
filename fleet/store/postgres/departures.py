"""Agents that leave or get another name: their history goes, or goes with them.

Messages and sums hold an agent's number, so a new name is one row, unless somebody was heard by it
already: then the two become one. Rare work, and in one transaction.
"""

from __future__ import annotations

import json
from functools import partial

from fleet.domain.events import Fact
from fleet.store.hour_totals import HourTotals
from fleet.store.postgres import months, work
from fleet.store.postgres.bulk_insert import insert_many
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.dead_letters import recount, topic_bytes
from fleet.store.postgres.meta import number, read_meta, write_meta
from fleet.store.records import Batch, Erasure
from fleet.store.work import renaming, shared


def carry_out(connection: Connection, batch: Batch) -> None:
    """What `batch` erases and renames, inside a transaction."""
    for erasure in batch.erased:
        erase(connection, erasure)
    for old, new in batch.renamed:
        rename(connection, old, new)
        shared.carry_out(work.tables(connection), partial(renaming.rename, old=old, new=new))


def erase(connection: Connection, erasure: Erasure) -> None:
    """Delete what is stored of an agent up to an id, inside a transaction."""
    upto = erasure.upto
    # Ids go on growing, also where the newest of all are erased.
    write_meta(connection, "last_id", max(upto, read_meta(connection, "last_id")))
    agent = _number(connection, erasure.agent)
    if agent is not None:
        months.delete(connection, "agent = %s AND id <= %s", (agent, upto))
        connection.execute("DELETE FROM rollup WHERE agent = %s", (agent,))
    connection.execute("DELETE FROM event WHERE agent = %s AND id <= %s", (erasure.agent, upto))
    connection.execute("DELETE FROM command WHERE agent = %s", (erasure.agent,))
    for topic in erasure.topics:
        connection.execute(
            "DELETE FROM dead_letter WHERE topic = %s AND id <= %s", (topic_bytes(topic), upto)
        )
    recount(connection)


def rename(connection: Connection, old: str, new: str) -> None:
    """Let the history of `old` be that of `new`, inside a transaction."""
    kept, taken = _number(connection, old), _number(connection, new)
    if kept is not None:
        if taken is not None:
            _join(connection, taken, kept)
            connection.execute("DELETE FROM agent WHERE id = %s", (taken,))
        connection.execute("UPDATE agent SET name = %s WHERE id = %s", (new, kept))
    connection.execute(
        # That the old name left stays of the old name: whoever follows learns it so.
        "UPDATE event SET agent = %s WHERE agent = %s AND fact <> %s",
        (new, old, Fact.FORGOTTEN.value),
    )
    connection.execute("UPDATE command SET agent = %s WHERE agent = %s", (new, old))


def _join(connection: Connection, gone: int, kept: int) -> None:
    """What has the number `gone`, which is the younger of the two, has the number `kept` now."""
    connection.execute("UPDATE message SET agent = %s WHERE agent = %s", (kept, gone))
    both: dict[int, HourTotals] = {}
    for agent in (gone, kept):
        rows = connection.execute(
            "SELECT hour, beats, failing, statuses, alerts, metrics FROM rollup WHERE agent = %s"
            " AND hour IN (SELECT hour FROM rollup WHERE agent = %s)",
            (agent, gone),
        ).fetchall()
        for hour, *counts, metrics in rows:
            both.setdefault(hour, HourTotals()).put_before(counts, json.loads(metrics))
    sums = [
        (hour, kept, *totals.counts, json.dumps(totals.metrics, separators=(",", ":")))
        for hour, totals in both.items()
    ]
    insert_many(connection, "rollup", sums)
    connection.execute("DELETE FROM rollup WHERE agent = %s", (gone,))


def _number(connection: Connection, agent: str) -> int | None:
    return number(connection, "SELECT id FROM agent WHERE name = %s", (agent,))
