"""Queries over the messages, each bounded by what it returns: an index leads to every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.vocabulary import MessageKind
from fleet.store import moments
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import Portable
from fleet.store.row_mapping import KIND_NUMBER, KINDS, Row

_COLUMNS: Final = "id, at, agent, kind, retained, payload"

_LARGEST: Final = 2**63 - 1
"""What an id may be in the database."""


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
    before: int = moments.END


def select(connection: Connection, wanted: Filter) -> list[Row]:
    """The oldest `limit` rows, oldest first."""
    return _select(connection, wanted, newest=False)


def select_newest(connection: Connection, wanted: Filter) -> list[Row]:
    """The newest `limit` rows, oldest first."""
    return _select(connection, wanted, newest=True)[::-1]


def _select(connection: Connection, wanted: Filter, *, newest: bool) -> list[Row]:
    if wanted.kind is not None and wanted.kind not in KIND_NUMBER:
        return []  # receipts are the hub's own voice and not stored
    first, last = moments.bounds(Portable(connection), wanted.since, wanted.until)
    first = max(first, wanted.after + 1)
    last = min(last, wanted.before - 1, _LARGEST)
    if first > last:
        return []
    order = "DESC" if newest else "ASC"
    kinds: list[int | None] = [KIND_NUMBER[wanted.kind] if wanted.kind else None]
    if wanted.agent is not None and wanted.kind is None:
        kinds = list(range(len(KINDS)))  # a short look into the index each, put together
    parts: list[str] = []
    values: list[Any] = []
    for kind in kinds:
        conditions = ["id BETWEEN %s AND %s"]
        values += [first, last]
        if wanted.since > float("-inf") or wanted.until < float("inf"):
            conditions.append("at BETWEEN %s AND %s")
            values += [wanted.since, wanted.until]
        if wanted.agent is not None:
            conditions.append("agent = %s")
            values.append(wanted.agent)
        if kind is not None:
            conditions.append(f"kind = {kind:d}")  # plain, so that the partial index is seen to fit
        parts.append(
            f"(SELECT {_COLUMNS} FROM message WHERE {' AND '.join(conditions)}"  # noqa: S608 - our own words
            f" ORDER BY id {order} LIMIT %s)"
        )
        values.append(wanted.limit)
    query = " UNION ALL ".join(parts)
    if len(parts) > 1:
        query += f" ORDER BY id {order} LIMIT %s"
        values.append(wanted.limit)
    return connection.execute(query, values).fetchall()
