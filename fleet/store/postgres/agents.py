"""Agents have a name, and in the rows of other tables a number."""

from __future__ import annotations

from collections.abc import Collection

from fleet.store import row_mapping
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import number
from fleet.store.records import StoredMessage


def numbers(connection: Connection) -> dict[str, int]:
    """The agents' numbers by their names."""
    return dict(connection.execute("SELECT name, id FROM agent").fetchall())


def names(connection: Connection, wanted: Collection[int]) -> dict[int, str]:
    """The names of the agents of these numbers."""
    if not wanted:
        return {}
    query = "SELECT id, name FROM agent WHERE id = ANY(%s)"
    return dict(connection.execute(query, (sorted(wanted),)).fetchall())


def number_of(connection: Connection, agent: str | None) -> int | None:
    """The number of one agent; None: nobody is asked for, or nobody of that name was heard."""
    return number(connection, "SELECT id FROM agent WHERE name = %s", (agent,)) if agent else None


def messages(connection: Connection, rows: list[row_mapping.Row]) -> list[StoredMessage]:
    """From `id, at, agent, kind, retained, payload`. Only the names that a page has are asked for:
    the table has each agent of the fleet."""
    known = names(connection, {row[2] for row in rows})
    return [row_mapping.message(row, known) for row in rows]
