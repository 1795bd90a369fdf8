"""Queries over the append-only table of messages, each bounded by what it returns."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fleet.contract.vocabulary import MessageKind
from fleet.store.moments import END, bounds
from fleet.store.row_mapping import KIND_NUMBER, KINDS, Row, key_of
from fleet.store.sqlite.connection import read_meta

_COLUMNS: Final = "id, at, agent, kind, retained, payload"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages: an agent by its number in the store, times inclusive, ids above `after`, or
    of the newest below `before`."""

    since: float = float("-inf")
    until: float = float("inf")
    agent: int | None = None
    kind: MessageKind | None = None
    after: int = 0
    limit: int = 100
    before: int = END


def select(database: sqlite3.Connection, wanted: Filter) -> list[Row]:
    """Up to `limit` rows, oldest first: by index as far as it reaches, then by scan."""
    if wanted.kind is not None and wanted.kind not in KIND_NUMBER:
        return []  # receipts are the hub's own voice and not stored
    first, last = bounds(database, wanted.since, wanted.until)
    first = max(first, wanted.after + 1)
    indexed = read_meta(database, "indexed_to")
    keys = _keys(wanted)
    found: list[Row] = []
    if keys and first <= indexed:
        ids = _indexed(database, keys, first, min(indexed, last))
        rows = (row for row in _fetch(database, ids) if wanted.since <= row[1] <= wanted.until)
        found = list(islice(rows, wanted.limit))
        first = indexed + 1
    if len(found) < wanted.limit and first <= last:
        found += _scan(database, wanted, first, last, wanted.limit - len(found))
    return found


def select_newest(database: sqlite3.Connection, wanted: Filter) -> list[Row]:
    """The newest `limit` rows, oldest first: by scan down to the end of the index, then by it."""
    if wanted.kind is not None and wanted.kind not in KIND_NUMBER:
        return []
    first, last = bounds(database, wanted.since, wanted.until)
    last = min(last, wanted.before - 1)
    keys = _keys(wanted)
    indexed = read_meta(database, "indexed_to") if keys else 0
    found = _scan(database, wanted, max(first, indexed + 1), last, wanted.limit, newest=True)
    if keys and len(found) < wanted.limit:
        ids = _indexed(database, keys, first, min(indexed, last), newest=True)
        rows = (row for row in _fetch(database, ids) if wanted.since <= row[1] <= wanted.until)
        found += islice(rows, wanted.limit - len(found))
    return found[::-1]


def _keys(wanted: Filter) -> list[int]:
    """Index keys that cover the filter; none where a scan is as good (nearly all rows match)."""
    if wanted.agent is not None:
        kinds: Iterable[MessageKind] = (wanted.kind,) if wanted.kind else KINDS
        return [key_of(wanted.agent, KIND_NUMBER[kind]) for kind in kinds]
    if wanted.kind in (None, MessageKind.HEARTBEAT):
        return []
    return [key_of(0, KIND_NUMBER[wanted.kind])]


def _indexed(
    database: sqlite3.Connection, keys: list[int], first: int, last: int, *, newest: bool = False
) -> Iterator[int]:
    query = "SELECT id FROM message_index WHERE key = ? AND id BETWEEN ? AND ? ORDER BY id"
    query += " DESC" if newest else ""
    sources = [(id_ for (id_,) in database.execute(query, (key, first, last))) for key in keys]
    return heapq.merge(*sources, reverse=newest)


def _fetch(database: sqlite3.Connection, ids: Iterable[int]) -> Iterator[Row]:
    query = f"SELECT {_COLUMNS} FROM message WHERE id = ?"  # noqa: S608 - our own column names
    for id_ in ids:
        row: Row | None = database.execute(query, (id_,)).fetchone()
        if row:
            yield row


def _scan(
    database: sqlite3.Connection,
    wanted: Filter,
    first: int,
    last: int,
    limit: int,
    *,
    newest: bool = False,
) -> list[Row]:
    order = "DESC" if newest else "ASC"
    kind = KIND_NUMBER[wanted.kind] if wanted.kind else None
    return database.execute(
        f"SELECT {_COLUMNS} FROM message WHERE id BETWEEN ? AND ? AND at BETWEEN ? AND ?"  # noqa: S608 - our own column names
        f" AND (? IS NULL OR agent = ?) AND (? IS NULL OR kind = ?) ORDER BY id {order} LIMIT ?",
        (first, last, wanted.since, wanted.until, wanted.agent, wanted.agent, kind, kind, limit),
    ).fetchall()
