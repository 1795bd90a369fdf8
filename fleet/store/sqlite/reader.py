"""Questions to the store, answered on threads of their own beside the writer (WAL).

It also serves alone, beside a hub that may be running in another process.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import IssuedCommand
from fleet.store import cursors, moments, row_mapping
from fleet.store.records import DeadLetter, Hours, Page, StoredMessage
from fleet.store.sqlite import history, rollups
from fleet.store.sqlite.connection import connect, unreadable
from fleet.store.sqlite.migrations import known_version

T = TypeVar("T")

_LARGEST_ID: Final = 2**62
"""Fits into SQLite's integers, and no hub comes so far."""


class SqliteReader:
    """See `fleet.store.port.StoreReader`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = ThreadPoolExecutor(2, "store-reader")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []

    async def close(self) -> None:
        """Finish what was begun; safe to call twice."""
        self._readers.shutdown()
        for reader in self._open_readers:
            reader.close()
        self._open_readers.clear()

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

        def read(database: sqlite3.Connection) -> Page:
            agents = self._agent_numbers(database)
            number = agents.get(agent) if agent else None
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
            found = _messages(database, history.select(database, wanted), agents)
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
        def read(database: sqlite3.Connection) -> list[StoredMessage]:
            agents = self._agent_numbers(database)
            number = agents.get(agent) if agent else None
            if agent and number is None:
                return []
            low = float("-inf") if since is None else since
            high = float("inf") if until is None else until
            end = moments.END if before is None else before
            wanted = history.Filter(low, high, number, kind, before=end, limit=limit)
            return _messages(database, history.select_newest(database, wanted), agents)

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

        def read(database: sqlite3.Connection) -> Hours:
            agents = self._agent_numbers(database)
            if agent and agent not in agents:
                return Hours([], None)
            return rollups.select(
                database,
                {number: name for name, number in agents.items()},
                since=float("-inf") if since is None else since,
                until=float("inf") if until is None else until,
                agent=agents[agent] if agent else None,
                after=after,
                limit=limit,
            )

        return await self._read(read)

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        query = "SELECT * FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?"
        below = _LARGEST_ID if before is None else max(0, min(before, _LARGEST_ID))
        found = await self._select(query, (below, limit))
        return [row_mapping.dead_letter(row) for row in found]

    async def commands(self, *, agent: str | None, since: float, limit: int) -> list[IssuedCommand]:
        query = (
            "SELECT * FROM command WHERE created >= ? AND (? IS NULL OR agent = ?)"
            " ORDER BY created DESC, id DESC LIMIT ?"
        )
        found = await self._select(query, (since, agent, agent, limit))
        return [row_mapping.command(row) for row in reversed(found)]

    def _agent_numbers(self, database: sqlite3.Connection) -> dict[str, int]:
        """Agents by name, read anew: another process may write."""
        return dict(database.execute("SELECT name, id FROM agent"))

    async def _select(self, query: str, values: tuple[Any, ...]) -> list[row_mapping.Row]:
        return await self._read(lambda database: database.execute(query, values).fetchall())

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, lambda: work(self._connection()))
        except sqlite3.Error as error:
            raise unreadable(self.path, error) from None

    def _connection(self) -> sqlite3.Connection:
        """This thread's own."""
        reader: sqlite3.Connection | None = getattr(self._local, "database", None)
        if reader is None:
            reader = connect(self.path)
            reader.execute("PRAGMA query_only = ON")
            known_version(reader)
            self._local.database = reader
            self._open_readers.append(reader)
        return reader


def _messages(
    database: sqlite3.Connection, rows: list[row_mapping.Row], agents: dict[str, int]
) -> list[StoredMessage]:
    names = {number: name for name, number in agents.items()}
    try:
        return [row_mapping.message(row, names) for row in rows]
    except KeyError:  # of an agent first heard in a batch that was committed meanwhile
        names = dict(database.execute("SELECT id, name FROM agent"))
        return [row_mapping.message(row, names) for row in rows]
