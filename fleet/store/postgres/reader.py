"""Questions to the store, answered on threads of their own beside the writer.

It also serves alone, beside a hub that may be running elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import IssuedCommand
from fleet.store import cursors, moments, row_mapping
from fleet.store.port import StoreError
from fleet.store.postgres import dead_letters, history, rollups
from fleet.store.postgres.agents import messages, number_of
from fleet.store.postgres.connection import Connection, Database
from fleet.store.postgres.migrations import STEPS, known_version
from fleet.store.records import DeadLetter, Hours, Page, StoredMessage

T = TypeVar("T")

CLOSING: Final = 1.0
"""Seconds to finish what was begun: who stops a hub gives it ten in all, and a database that hangs
gives no answer in thirty."""

_LARGEST_ID: Final = 2**62
"""Fits into PostgreSQL's integers, and no hub comes so far."""


class PostgresReader:
    """See `fleet.store.port.StoreReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers = ThreadPoolExecutor(2, "store-reader")
        self._judged = False

    async def close(self) -> None:
        """Finish what was begun, unless the database hangs; safe to call twice."""
        finishing = asyncio.ensure_future(asyncio.to_thread(self._finish))
        await asyncio.wait({finishing}, timeout=CLOSING)
        self._database.break_off()
        closing = asyncio.ensure_future(asyncio.to_thread(self._database.close))
        await asyncio.wait({closing}, timeout=CLOSING)

    def _finish(self) -> None:
        self._readers.shutdown()

    async def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        kind: MessageKind | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        after = cursors.parse_message(cursor)

        def read(connection: Connection) -> Page:
            number = number_of(connection, agent)
            if agent and number is None:
                return Page([], None)
            wanted = history.Filter(
                float("-inf") if since is None else since,
                float("inf") if until is None else until,
                number,
                kind,
                after,
                limit,
            )
            found = messages(connection, history.select(connection, wanted))
            return Page(found, str(found[-1].id) if len(found) >= limit else None)

        return await self._read(read)

    async def newest(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        kind: MessageKind | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[StoredMessage]:
        def read(connection: Connection) -> list[StoredMessage]:
            number = number_of(connection, agent)
            if agent and number is None:
                return []
            low = float("-inf") if since is None else since
            high = float("inf") if until is None else until
            end = moments.END if before is None else before
            wanted = history.Filter(low, high, number, kind, before=end, limit=limit)
            return messages(connection, history.select_newest(connection, wanted))

        return await self._read(read)

    async def rollups(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Hours:
        after = cursors.parse_rollup(cursor)

        def read(connection: Connection) -> Hours:
            number = number_of(connection, agent)
            if agent and number is None:
                return Hours([], None)
            return rollups.select(
                connection,
                since=float("-inf") if since is None else since,
                until=float("inf") if until is None else until,
                agent=number,
                after=after,
                limit=limit,
            )

        return await self._read(read)

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        query = "SELECT * FROM dead_letter WHERE id < %s ORDER BY id DESC LIMIT %s"
        below = _LARGEST_ID if before is None else max(0, min(before, _LARGEST_ID))

        def read(connection: Connection) -> list[DeadLetter]:
            rows = connection.execute(query, (below, limit)).fetchall()
            return [dead_letters.dead_letter(row) for row in rows]

        return await self._read(read)

    async def commands(self, *, agent: str | None, since: float, limit: int) -> list[IssuedCommand]:
        query = (
            "SELECT * FROM command WHERE created >= %s AND (%s::text IS NULL OR agent = %s)"
            " ORDER BY created DESC, id DESC LIMIT %s"
        )

        def read(connection: Connection) -> list[IssuedCommand]:
            rows = connection.execute(query, (since, agent, agent, limit)).fetchall()
            return [row_mapping.command(row) for row in reversed(rows)]

        return await self._read(read)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._ask, work)

    def _ask(self, work: Callable[[Connection], T]) -> T:
        def judged(connection: Connection) -> T:
            if not self._judged:
                if known_version(connection) < len(STEPS):
                    raise StoreError(
                        f"the store {self._database.url} is of an older fleet, or none yet",
                        "no hub of this version has served it",
                        "fleet serve",
                    )
                self._judged = True
            return work(connection)

        return self._database.snapshot(judged)
