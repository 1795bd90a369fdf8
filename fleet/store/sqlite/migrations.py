"""The schema, one step a version. A step is never edited once released; the next one is added.

`message` is append-only by rowid and has no index: at 50,000 rows/s the index is the cost, not
the row. `message_index` follows a little behind, in bulk; `moment` maps time to rowid.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from fleet.store.port import StoreError

STEPS: Final = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE message (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, agent INTEGER NOT NULL, kind INTEGER NOT NULL,
        retained INTEGER NOT NULL, payload BLOB NOT NULL
    );
    CREATE TABLE message_index (key INTEGER, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID;
    CREATE TABLE moment (at INTEGER PRIMARY KEY, id INTEGER NOT NULL);
    CREATE TABLE rollup (
        hour INTEGER, agent INTEGER, beats INTEGER NOT NULL, failing INTEGER NOT NULL,
        statuses INTEGER NOT NULL, alerts INTEGER NOT NULL, metrics TEXT NOT NULL,
        PRIMARY KEY (hour, agent)
    ) WITHOUT ROWID;
    CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
        retained INTEGER NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL
    );
    CREATE TABLE event (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, fact TEXT NOT NULL, agent TEXT NOT NULL,
        word TEXT NOT NULL, severity TEXT, amount REAL, ref TEXT NOT NULL
    );
    CREATE TABLE record (
        agent TEXT PRIMARY KEY, upto INTEGER NOT NULL, state TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE alert (
        agent TEXT, code TEXT, severity TEXT NOT NULL, state TEXT NOT NULL, since REAL NOT NULL,
        told TEXT NOT NULL, value REAL, acknowledged_by TEXT NOT NULL, acknowledged_at REAL,
        PRIMARY KEY (agent, code)
    ) WITHOUT ROWID;
    CREATE TABLE silence (
        id TEXT PRIMARY KEY, until REAL NOT NULL, agent TEXT NOT NULL, code TEXT NOT NULL,
        "by" TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE command (
        id TEXT PRIMARY KEY, agent TEXT NOT NULL, verb TEXT NOT NULL, priority TEXT NOT NULL,
        ttl INTEGER NOT NULL, created REAL NOT NULL, "by" TEXT NOT NULL, reply_to TEXT,
        state TEXT NOT NULL, sent REAL, ended REAL, code TEXT, took REAL
    ) WITHOUT ROWID;
    CREATE INDEX command_by_agent ON command (agent, created);
    CREATE INDEX command_by_time ON command (created);
    """,
    "ALTER TABLE command ADD COLUMN broadcast TEXT",
    "ALTER TABLE alert ADD COLUMN told_severity TEXT",
)


def migrate(database: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, each step whole or not at all.

    Raises:
        StoreError: the file was written by a newer version.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise StoreError(
            "the store was written by a newer fleet",
            f"its schema is {version}, this program knows {len(STEPS)}",
            "upgrade fleet, or restore a backup of the older version",
        )
    for number, step in enumerate(STEPS[version:], version + 1):
        database.executescript(f"BEGIN; {step}; PRAGMA user_version = {number}; COMMIT;")
