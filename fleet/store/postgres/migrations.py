"""The schema, one step a version. A step is never edited once released; the next one is added.

`message` has no unique key: ids are checked where they are given out, which costs no index. It is
cut by month of `at`, so that months go as one.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from fleet.contract.store_url import SCHEMAS
from fleet.store.port import StoreError
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.moved import require_no_move
from fleet.store.postgres.shared_schema import SHARED
from fleet.store.postgres.work_schema import WORK

STEPS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE leader_leases (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL,
        expires TIMESTAMPTZ NOT NULL
    );
    CREATE FUNCTION hold_lease(lease TEXT, who TEXT, number BIGINT) RETURNS VOID
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM leader_leases
            WHERE name = lease AND holder = who AND epoch = number FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'its lease was taken over' USING ERRCODE = 'FL001';
        END IF;
    END $$;
    """,
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
    CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE message (
        id BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL, agent INTEGER NOT NULL,
        kind SMALLINT NOT NULL, retained BOOLEAN NOT NULL, payload BYTEA NOT NULL
    ) PARTITION BY RANGE (at);
    CREATE INDEX message_by_id ON message (id);
    CREATE INDEX message_by_agent ON message (agent, kind, id);
    CREATE INDEX message_by_kind ON message (kind, id) WHERE kind > 0;
    CREATE INDEX message_by_time ON message USING brin (at);
    CREATE TABLE month_of_messages (month INTEGER PRIMARY KEY, bytes BIGINT NOT NULL);
    CREATE TABLE moment (
        era BIGINT, at DOUBLE PRECISION, id BIGINT NOT NULL, PRIMARY KEY (era, at)
    );
    CREATE INDEX moment_by_id ON moment (id);
    CREATE TABLE rollup (
        hour BIGINT, agent INTEGER, beats BIGINT NOT NULL, failing BIGINT NOT NULL,
        statuses BIGINT NOT NULL, alerts BIGINT NOT NULL, metrics TEXT NOT NULL,
        PRIMARY KEY (hour, agent)
    );
    CREATE INDEX rollup_by_agent ON rollup (agent, hour);
    CREATE TABLE dead_letter (
        id BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, topic BYTEA NOT NULL,
        payload BYTEA NOT NULL, retained BOOLEAN NOT NULL, reason TEXT NOT NULL,
        field TEXT NOT NULL
    );
    CREATE TABLE event (
        id BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, fact TEXT NOT NULL,
        agent TEXT NOT NULL, word TEXT NOT NULL, severity TEXT, amount DOUBLE PRECISION,
        ref TEXT NOT NULL
    );
    CREATE INDEX event_by_agent ON event (agent);
    CREATE TABLE record (agent TEXT PRIMARY KEY, upto BIGINT NOT NULL, state TEXT NOT NULL);
    CREATE TABLE alert (
        agent TEXT, code TEXT, severity TEXT NOT NULL, state TEXT NOT NULL,
        since DOUBLE PRECISION NOT NULL, told TEXT NOT NULL, value DOUBLE PRECISION,
        acknowledged_by TEXT NOT NULL, acknowledged_at DOUBLE PRECISION, told_severity TEXT,
        flaps TEXT, told_at DOUBLE PRECISION, routes TEXT NOT NULL, PRIMARY KEY (agent, code)
    );
    CREATE TABLE silence (
        id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL, agent TEXT NOT NULL,
        code TEXT NOT NULL, "by" TEXT NOT NULL, scope TEXT NOT NULL, members TEXT NOT NULL,
        begins DOUBLE PRECISION, ended BOOLEAN NOT NULL
    );
    CREATE TABLE command (
        id TEXT PRIMARY KEY, agent TEXT NOT NULL, verb TEXT NOT NULL, priority TEXT NOT NULL,
        ttl BIGINT NOT NULL, created DOUBLE PRECISION NOT NULL, "by" TEXT NOT NULL,
        reply_to TEXT, state TEXT NOT NULL, sent DOUBLE PRECISION, ended DOUBLE PRECISION,
        code TEXT, took DOUBLE PRECISION, broadcast TEXT
    );
    CREATE INDEX command_by_agent ON command (agent, created);
    CREATE INDEX command_by_time ON command (created);
    CREATE TABLE document (name TEXT PRIMARY KEY, text TEXT NOT NULL);
    """,
    WORK,
    """
    CREATE TABLE rollout (
        id TEXT PRIMARY KEY, created FLOAT8 NOT NULL, is_over INTEGER NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX rollout_open ON rollout (created) WHERE is_over = 0;
    CREATE TABLE rollout_execution (
        rollout TEXT, agent TEXT, number INTEGER NOT NULL, version TEXT NOT NULL,
        denied INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (rollout, agent)
    );
    CREATE INDEX rollout_denied ON rollout_execution (version) WHERE denied = 1;
    """,
    "CREATE TABLE pair (name TEXT PRIMARY KEY, state TEXT NOT NULL)",
    SHARED,
    """
    CREATE TABLE listening (
        number BIGINT PRIMARY KEY, began FLOAT8 NOT NULL, ended FLOAT8 NOT NULL
    );
    CREATE INDEX event_of_verdict ON event (agent, id) WHERE fact = 'verdict';
    """,
)

LEASES: Final = 2
"""The step from which on there are leases, and the documents that say whose they are."""

_TURN: Final = 5_227_017
"""Our own number for the lock by which hubs that start at once migrate in turn; it ends with the
transaction."""


def migrate(connection: Connection, upto: int = len(STEPS)) -> None:
    """Bring the schema to the version `upto`, inside a transaction.

    Raises:
        StoreError: the database was written by a newer version, or holds what is not ours.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    _make_place(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS fleet_schema (version INTEGER NOT NULL)")
    version = known_version(connection)
    for number, step in enumerate(STEPS[version:upto], version + 1):
        connection.execute(step)
        connection.execute("DELETE FROM fleet_schema")
        connection.execute("INSERT INTO fleet_schema VALUES (%s)", (number,))


def _make_place(connection: Connection) -> None:
    """The schema of a site, where this is the first that comes to it."""
    place = "SELECT current_setting('search_path') WHERE current_schema() IS NULL"
    row = connection.execute(place).fetchone()
    if row and str(row[0]).startswith(SCHEMAS):
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(row[0])))


def known_version(connection: Connection) -> int:
    """The version of the schema, this program's or an older one; 0: there is none yet.

    Raises:
        StoreError: the database was written by a newer version, or is moved here or away.
    """
    tables = "SELECT to_regclass('fleet_schema') IS NOT NULL, to_regclass('fleet_move') IS NOT NULL"
    known, in_move = connection.execute(tables).fetchone() or (False, False)
    if in_move:
        require_no_move(connection)
    if not known:
        return 0
    row = connection.execute("SELECT max(version) FROM fleet_schema").fetchone()
    version = int(row[0]) if row and row[0] is not None else 0
    if version > len(STEPS):
        raise StoreError(
            "the store was written by a newer fleet",
            f"its schema is {version}, this program knows 1 to {len(STEPS)}",
            "upgrade fleet; or go back with a dump of before: pg_restore",
        )
    return version
