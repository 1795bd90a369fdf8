"""Small texts that services of a hub keep, so that the next one to lead goes on with them."""

from __future__ import annotations

from collections.abc import Callable

from fleet.store.postgres.connection import Connection, Database


class StoredDocuments:
    """See `fleet.store.leadership.Documents`. `fence` is the end of a transaction that only who
    leads may make."""

    def __init__(self, database: Database, fence: Callable[[], str]) -> None:
        self._database = database
        self._fence = fence

    def read(self, name: str) -> str | None:
        def read(connection: Connection) -> str | None:
            row = connection.execute("SELECT text FROM document WHERE name = %s", (name,))
            found = row.fetchone()
            return str(found[0]) if found else None

        return self._database.snapshot(read)

    def write(self, name: str, text: str) -> None:
        def write(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO document VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET text = excluded.text",
                (name, text),
            )

        self._database.transaction(write, self._fence())
