"""The store as a hub sees it that reads beside the one that leads, and that one's last word."""

from __future__ import annotations

from collections.abc import Callable

from fleet.contract.vocabulary import Severity
from fleet.domain.alert import Alert
from fleet.domain.events import Event, Fact
from fleet.domain.silences import Silence
from fleet.store import row_mapping
from fleet.store.postgres import dead_letters, hub_state
from fleet.store.postgres.agents import messages
from fleet.store.postgres.connection import Connection, Database
from fleet.store.records import HubState, StoredEvent
from fleet.store.shared import Item, Live, News

_LIVE = (
    "SELECT live.at, extract(epoch FROM clock_timestamp() - live.written), live.text, live.epoch,"
    " CASE WHEN lease.expires > clock_timestamp() THEN lease.holder ELSE '' END"
    " FROM live LEFT JOIN leader_leases AS lease USING (name) WHERE live.name = %s"
)


class PostgresLive:
    """See `fleet.store.shared.LiveState`. `fence` is the end of a transaction that only who leads
    may make; `epoch` tells that of its lease."""

    def __init__(
        self,
        database: Database,
        name: str,
        fence: Callable[[], str],
        epoch: Callable[[], int | None],
    ) -> None:
        self._database = database
        self._name = name
        self._fence = fence
        self._epoch = epoch

    def write(self, at: float, text: str) -> None:
        row = (self._name, at, self._epoch() or 0, text)
        self._database.transaction(
            lambda connection: connection.execute(
                "INSERT INTO live (name, at, written, epoch, text)"
                " VALUES (%s, %s, clock_timestamp(), %s, %s) ON CONFLICT (name) DO UPDATE"
                " SET at = excluded.at, written = excluded.written, epoch = excluded.epoch,"
                " text = excluded.text",
                row,
            ),
            self._fence(),
        )


class PostgresFollowing:
    """See `fleet.store.shared.Following`. `name`: of the lease."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def begin(self) -> HubState:
        return self._database.snapshot(hub_state.read)()

    def news(self, after: int, limit: int) -> News:
        def read(connection: Connection) -> News:
            row = connection.execute(_LIVE, (self._name,)).fetchone()
            live = Live(row[0], max(0.0, float(row[1])), row[2], row[3], row[4]) if row else None
            parts = [_messages(connection, after, limit), _letters(connection, after, limit)]
            parts.append(_events(connection, after, limit))
            # What is beyond the end of a part that was cut may have something before it.
            cut = [part[-1].id for part in parts if len(part) == limit]
            items = sorted((one for part in parts for one in part), key=lambda one: one.id)
            if cut:
                items = [one for one in items if one.id <= min(cut)]
            return News(live, items, bool(cut))

        self._database.open()
        return self._database.snapshot(read)

    def book(self) -> tuple[list[Alert], list[Silence]]:
        return self._database.snapshot(hub_state.book)()

    def document(self, name: str) -> str | None:
        def read(connection: Connection) -> str | None:
            query = "SELECT text FROM document WHERE name = %s"
            row = connection.execute(query, (name,)).fetchone()
            return str(row[0]) if row else None

        return self._database.snapshot(read)


def _messages(connection: Connection, after: int, limit: int) -> list[Item]:
    rows = connection.execute(
        "SELECT id, at, agent, kind, retained, payload FROM message WHERE id > %s"
        " ORDER BY id LIMIT %s",
        (after, limit),
    ).fetchall()
    return list(messages(connection, rows))


def _letters(connection: Connection, after: int, limit: int) -> list[Item]:
    query = "SELECT * FROM dead_letter WHERE id > %s ORDER BY id LIMIT %s"
    rows = connection.execute(query, (after, limit)).fetchall()
    return [dead_letters.dead_letter(row) for row in rows]


def _events(connection: Connection, after: int, limit: int) -> list[Item]:
    query = (
        "SELECT id, at, fact, agent, word, severity, amount, ref FROM event WHERE id > %s"
        " ORDER BY id LIMIT %s"
    )
    return [_event(row) for row in connection.execute(query, (after, limit)).fetchall()]


def _event(row: row_mapping.Row) -> StoredEvent:
    id_, at, fact, agent, word, severity, amount, ref = row
    told = Severity(severity) if severity else None
    return StoredEvent(id_, Event(Fact(fact), agent, at, word, told, amount, ref))
