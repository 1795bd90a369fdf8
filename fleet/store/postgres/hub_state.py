"""What a hub begins with, as the database keeps it; it changes nothing."""

from __future__ import annotations

import json
from typing import Any

from fleet.domain.alert import Alert
from fleet.domain.silences import Silence
from fleet.store import row_mapping
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import number, read_meta
from fleet.store.records import HubState


def read(connection: Connection) -> HubState:
    """Inside a transaction."""
    ids = [
        number(connection, "SELECT max(id) FROM message"),
        number(connection, "SELECT max(id) FROM dead_letter"),
        number(connection, "SELECT max(id) FROM event"),
    ]
    known = [read_meta(connection, name) for name in ("last_id", "message_to")]
    newest = connection.execute(
        "SELECT at FROM ((SELECT id, at FROM message ORDER BY id DESC LIMIT 1)"
        " UNION ALL (SELECT id, at FROM event ORDER BY id DESC LIMIT 1)) AS newest"
        " ORDER BY id DESC LIMIT 1"
    ).fetchone()
    alerts, silences = book(connection)
    return HubState(
        last_id=max([*known, *(id_ or 0 for id_ in ids)]),
        last_at=newest[0] if newest else 0.0,
        records=[
            (agent, upto, json.loads(state))
            for agent, upto, state in _rows(connection, "SELECT agent, upto, state FROM record")
        ],
        alerts=alerts,
        silences=silences,
        replay_from=read_meta(connection, "replay_from"),
    )


def book(connection: Connection) -> tuple[list[Alert], list[Silence]]:
    """Every alert and silence."""
    alerts = [row_mapping.alert(row) for row in _rows(connection, "SELECT * FROM alert")]
    silences = [row_mapping.silence(row) for row in _rows(connection, "SELECT * FROM silence")]
    return alerts, silences


def _rows(connection: Connection, query: Any) -> list[row_mapping.Row]:
    return connection.execute(query).fetchall()
