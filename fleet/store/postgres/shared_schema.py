"""The tables by which hubs on one database tell each other of what they see and were asked."""

from __future__ import annotations

from typing import Final

SHARED: Final = """
    CREATE TABLE live (
        name TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, written TIMESTAMPTZ NOT NULL,
        epoch BIGINT NOT NULL, text TEXT NOT NULL
    );
    CREATE TABLE request (
        id TEXT PRIMARY KEY, expires TIMESTAMPTZ NOT NULL, role TEXT NOT NULL, agent TEXT NOT NULL,
        token TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
        body BYTEA NOT NULL, headers JSON NOT NULL, taken BIGINT, status SMALLINT,
        answer_kind TEXT, answer BYTEA, answer_headers JSON
    );
    CREATE INDEX request_waiting ON request (id) WHERE status IS NULL;
"""
