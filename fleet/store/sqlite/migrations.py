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
    """
    CREATE TABLE moment_of_era (
        era INTEGER, at INTEGER, id INTEGER NOT NULL, PRIMARY KEY (era, at)
    ) WITHOUT ROWID;
    INSERT INTO moment_of_era SELECT 0, at, id FROM moment;
    DROP TABLE moment;
    ALTER TABLE moment_of_era RENAME TO moment;
    """,
    "ALTER TABLE alert ADD COLUMN flaps TEXT",
    """
    ALTER TABLE silence ADD COLUMN scope TEXT NOT NULL DEFAULT '';
    ALTER TABLE silence ADD COLUMN members TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE silence ADD COLUMN begins REAL;
    ALTER TABLE silence ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    """,
    """
    ALTER TABLE alert ADD COLUMN told_at REAL;
    ALTER TABLE alert ADD COLUMN routes TEXT NOT NULL DEFAULT '';
    """,
    # Work by reference. Partial indices are found by their conditions: `fleet.store.work.sql_tasks`
    # repeats them word by word.
    """
    CREATE TABLE task (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, grp TEXT NOT NULL,
        context TEXT NOT NULL, kind TEXT NOT NULL, created REAL NOT NULL, addressee TEXT NOT NULL,
        submitter TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL, needs TEXT NOT NULL,
        parent TEXT, depth INTEGER NOT NULL, priority INTEGER NOT NULL, ttl REAL NOT NULL,
        timeout REAL NOT NULL, max_attempts INTEGER NOT NULL, expires REAL NOT NULL,
        state TEXT NOT NULL, attempt INTEGER NOT NULL, epoch INTEGER NOT NULL,
        holder TEXT NOT NULL, lease_until REAL, not_before REAL NOT NULL, started REAL, ended REAL,
        progress INTEGER NOT NULL, reason TEXT, cancel INTEGER NOT NULL, told INTEGER NOT NULL,
        waits INTEGER NOT NULL, content TEXT NOT NULL, revision INTEGER NOT NULL
    );
    CREATE INDEX task_ready ON task (grp, kind, addressee, priority, not_before, number)
        WHERE state = 'submitted' AND waits = 0;
    CREATE INDEX task_held ON task (holder) WHERE state = 'working';
    CREATE INDEX task_unapproved ON task (submitter) WHERE state = 'auth-required';
    CREATE INDEX task_open ON task (state, waits, not_before) WHERE ended IS NULL;
    CREATE INDEX task_due ON task (coalesce(lease_until, expires)) WHERE ended IS NULL;
    CREATE INDEX task_untold ON task (submitter, ended) WHERE ended IS NOT NULL AND told = 0;
    CREATE INDEX task_ended ON task (told, ended) WHERE ended IS NOT NULL;
    CREATE INDEX task_by_group ON task (grp, number);
    CREATE INDEX task_by_context ON task (context, number);
    CREATE INDEX task_by_revision ON task (revision);
    CREATE TABLE task_after (
        needs TEXT, task TEXT, PRIMARY KEY (needs, task)
    ) WITHOUT ROWID;
    CREATE TABLE context (
        id TEXT PRIMARY KEY, grp TEXT NOT NULL, created REAL NOT NULL, tasks INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX context_empty ON context (created) WHERE tasks = 0;
    CREATE TABLE context_member (
        context TEXT, member TEXT, PRIMARY KEY (context, member)
    ) WITHOUT ROWID;
    CREATE TABLE board_entry (
        context TEXT, section TEXT, name TEXT, version INTEGER, digest TEXT NOT NULL,
        size INTEGER NOT NULL, media_type TEXT NOT NULL, author TEXT NOT NULL, task TEXT NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (context, section, name, version)
    ) WITHOUT ROWID;
    CREATE TABLE blob (
        context TEXT, digest TEXT, grp TEXT NOT NULL, size INTEGER NOT NULL, due REAL NOT NULL,
        PRIMARY KEY (context, digest)
    ) WITHOUT ROWID;
    CREATE INDEX blob_by_digest ON blob (digest, grp);
    CREATE INDEX blob_due ON blob (due);
    CREATE TABLE blob_use (
        context TEXT, owner TEXT, digest TEXT, made INTEGER,
        PRIMARY KEY (context, owner, digest, made)
    ) WITHOUT ROWID;
    CREATE INDEX blob_use_by_digest ON blob_use (digest, context);
    CREATE TABLE work_group (
        grp TEXT PRIMARY KEY, queued INTEGER NOT NULL, kept INTEGER NOT NULL,
        contexts INTEGER NOT NULL, bytes INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE work_total (
        name TEXT, word TEXT, value REAL NOT NULL, PRIMARY KEY (name, word)
    ) WITHOUT ROWID;
    INSERT INTO work_total VALUES ('revision', '', 0);
    CREATE TABLE work_grant (
        agent TEXT, thing TEXT, until REAL NOT NULL, PRIMARY KEY (agent, thing)
    ) WITHOUT ROWID;
    CREATE INDEX work_grant_over ON work_grant (until);
    CREATE TABLE work_read (
        number INTEGER PRIMARY KEY, at REAL NOT NULL, reader TEXT NOT NULL, digest TEXT NOT NULL
    );
    CREATE INDEX work_read_by_time ON work_read (at, number);
    """,
    """
    CREATE TABLE rollout (
        id TEXT PRIMARY KEY, created REAL NOT NULL, is_over INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX rollout_open ON rollout (created) WHERE is_over = 0;
    CREATE TABLE rollout_execution (
        rollout TEXT, agent TEXT, number INTEGER NOT NULL, version TEXT NOT NULL,
        denied INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (rollout, agent)
    );
    CREATE INDEX rollout_denied ON rollout_execution (version) WHERE denied = 1;
    """,
    "CREATE TABLE pair (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE listening (number INTEGER PRIMARY KEY, began REAL NOT NULL, ended REAL NOT NULL);
    CREATE INDEX event_of_verdict ON event (agent, id) WHERE fact = 'verdict';
    """,
)


def known_version(database: sqlite3.Connection) -> int:
    """The version of the schema, this program's or an older one.

    Raises:
        StoreError: the file was written by a newer version.
    """
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(STEPS):
        raise StoreError(
            "the store was written by a newer fleet",
            f"its schema is {version}, this program knows 1 to {len(STEPS)}",
            "upgrade fleet; or go back with a backup of before: fleet restore FILE",
        )
    return version


def migrate(database: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, each step whole or not at all.

    Raises:
        StoreError: the file was written by a newer version.
    """
    version = known_version(database)
    for number, step in enumerate(STEPS[version:], version + 1):
        database.executescript(f"BEGIN; {step}; PRAGMA user_version = {number}; COMMIT;")
