"""What a hub begins with, as the database keeps it; it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fleet.domain.alert import Alert
from fleet.domain.silences import Silence
from fleet.store import row_mapping
from fleet.store.postgres.connection import Connection
from fleet.store.postgres.meta import number, read_meta
from fleet.store.records import HubState
from fleet.store.stored_records import StoredRecords

_ALERTS: Final = "SELECT * FROM alert"
_SILENCES: Final = "SELECT * FROM silence"


def read(connection: Connection) -> Callable[[], HubState]:
    """Inside a transaction. What makes the state of the rows is called after it: parsing those of
    100,000 agents takes longer than the database waits for the next word."""
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
    records = _rows(connection, "SELECT agent, upto, state FROM record")
    alerts_and_silences, replay_from = book(connection), read_meta(connection, "replay_from")
    heard_until = row_mapping.moment(read_meta(connection, row_mapping.HEARD_UNTIL))

    def made() -> HubState:
        alerts, silences = alerts_and_silences()
        return HubState(
            last_id=max([*known, *(id_ or 0 for id_ in ids)]),
            last_at=newest[0] if newest else 0.0,
            records=StoredRecords(records),
            alerts=alerts,
            silences=silences,
            replay_from=replay_from,
            heard_until=heard_until,
        )

    return made


def book(connection: Connection) -> Callable[[], tuple[list[Alert], list[Silence]]]:
    """Every alert and silence, likewise."""
    alerts, silences = _rows(connection, _ALERTS), _rows(connection, _SILENCES)

    def made() -> tuple[list[Alert], list[Silence]]:
        return (
            [row_mapping.alert(row) for row in alerts],
            [row_mapping.silence(row) for row in silences],
        )

    return made


def _rows(connection: Connection, query: Any) -> list[row_mapping.Row]:
    return connection.execute(query).fetchall()
