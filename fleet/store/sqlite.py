"""The store in SQLite: one writer on its own thread, readers beside it (WAL).

Each batch is one transaction with `synchronous = FULL`: what was committed, and therefore
acknowledged, survives a power cut. The thread keeps a slow disk out of the event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import IssuedCommand
from fleet.store import dead_letters, history, rollups, row_mapping
from fleet.store.bulk_insert import append_messages, put
from fleet.store.connection import (
    check,
    close,
    connect,
    damaged,
    meta,
    put_meta,
    take_lock,
    transaction,
)
from fleet.store.migrations import migrate
from fleet.store.port import StoreError
from fleet.store.records import Batch, DeadLetter, Hours, HubState, Page, StoredMessage
from fleet.store.retention import Retention, Upkeep

T = TypeVar("T")

FILE_NAME: Final = "fleet.sqlite3"

CACHE: Final = 32 * 1024
"""KiB of page cache of the writer: the hot edge of the index for 8,000 agents."""


class SqliteStore:
    """See `fleet.store.port.Store`."""

    def __init__(self, home: Path, retention: Retention | None = None) -> None:
        self.path = home / FILE_NAME
        self._home = home
        self._keep = retention or Retention()
        self._upkeep = Upkeep(self._keep)
        self.letters_dropped = 0
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(2, "store-reader")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._database: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._agents: dict[str, int] = {}
        self._last_moment = 0

    # Opening and closing

    def open(self) -> HubState:
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = take_lock(self._home / "hub.lock")
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = connect(self.path)
            self._database.execute(f"PRAGMA cache_size = -{CACHE}")
            check(self._database, self.path)
            migrate(self._database)
            dead_letters.recount(self._database)
            return self._remember(self._database)
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, str(error)) from None
        except OSError as error:
            raise StoreError(
                f"the store {self.path} cannot be opened",
                error.strerror or "",
                f"ls -ld {self._home}",
            ) from None

    async def close(self) -> None:
        """Finish what was begun; safe to call twice."""
        database, self._database = self._database, None
        if database is not None:
            await asyncio.get_running_loop().run_in_executor(self._writer, close, database)
        self._writer.shutdown()
        self._readers.shutdown()
        for reader in self._open_readers:
            reader.close()
        self._open_readers.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _remember(self, database: sqlite3.Connection) -> HubState:
        self._agents = dict(database.execute("SELECT name, id FROM agent"))
        ids = [
            database.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0  # noqa: S608 - our own names
            for table in ("message", "dead_letter", "event")
        ]
        last = [meta(database, "last_id"), *ids]
        (at,) = database.execute(
            "SELECT max(coalesce((SELECT at FROM message ORDER BY id DESC LIMIT 1), 0),"
            " coalesce((SELECT at FROM event ORDER BY id DESC LIMIT 1), 0))"
        ).fetchone()
        return HubState(
            last_id=max(last),
            last_at=at,
            records=[
                (agent, upto, json.loads(state))
                for agent, upto, state in database.execute("SELECT * FROM record")
            ],
            alerts=[row_mapping.alert(row) for row in database.execute("SELECT * FROM alert")],
            silences=[
                row_mapping.silence(row) for row in database.execute("SELECT * FROM silence")
            ],
            replay_from=meta(database, "replay_from"),
        )

    # Writing

    async def commit(self, batch: Batch) -> None:
        self._agents, dropped = await self._write(lambda database: self._commit(database, batch))
        self.letters_dropped += dropped
        if batch.messages:
            self._last_moment = _moment(batch.messages[0])

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        values = [row_mapping.order_row(command) for command in commands]

        def save(database: sqlite3.Connection) -> None:
            # Cursors must end on this thread: let go of on another, one resets the statement
            # under the next write ("bad parameter or other API misuse").
            put(database, "command", 14, values, verb="INSERT", conflict=row_mapping.ORDER_KNOWN)

        await self._write(save)

    async def upkeep(self, now: float) -> bool:
        return await self._write(lambda database: self._upkeep.step(database, now))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._database
        if database is None:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, transaction, database, work)

    def _commit(self, database: sqlite3.Connection, batch: Batch) -> tuple[dict[str, int], int]:
        """Write the batch; the agents' numbers and how many dead letters had to go for it, both
        valid once the transaction holds."""
        agents = self._numbered(database, batch.messages)
        append_messages(database, batch.messages, agents)
        if batch.messages and _moment(batch.messages[0]) != self._last_moment:
            first = batch.messages[0]
            database.execute(
                "INSERT OR IGNORE INTO moment VALUES (?, ?)", (_moment(first), first.id)
            )
        many = database.executemany
        dropped = 0
        if batch.dead_letters:
            dropped = dead_letters.put(database, batch.dead_letters, self._keep.max_dead_letters)
        if batch.events:
            put(database, "event", 8, map(row_mapping.event_row, batch.events))
        if batch.alerts:
            put(database, "alert", 9, map(row_mapping.alert_row, batch.alerts))
        if batch.forgotten_alerts:
            many("DELETE FROM alert WHERE agent = ? AND code = ?", batch.forgotten_alerts)
        if batch.silences:
            put(database, "silence", 5, map(row_mapping.silence_row, batch.silences))
        if batch.lifted:
            many("DELETE FROM silence WHERE id = ?", [(id_,) for id_ in batch.lifted])
        if batch.records:
            records = [
                (agent, upto, json.dumps(state, separators=(",", ":")))
                for agent, upto, state in batch.records
            ]
            put(database, "record", 3, records)
        if batch.replay_from is not None:
            put_meta(database, "replay_from", batch.replay_from)
        return agents, dropped

    def _numbered(
        self, database: sqlite3.Connection, messages: list[StoredMessage]
    ) -> dict[str, int]:
        """The agents' numbers; new ones are entered, and forgotten if the batch fails."""
        new = {message.agent for message in messages if message.agent not in self._agents}
        if not new:
            return self._agents
        put(database, "agent (name)", 1, ((name,) for name in new), verb="INSERT OR IGNORE")
        return dict(database.execute("SELECT name, id FROM agent"))

    # Reading

    def replay(self, after: int) -> Iterator[StoredMessage]:
        if self._database is None:
            raise StoreError("the store is closed")
        names = {number: name for name, number in self._agents.items()}
        cursor = self._database.execute(
            "SELECT id, at, agent, kind, retained, payload FROM message WHERE id > ? ORDER BY id",
            (after,),
        )
        for row in cursor:
            yield row_mapping.stored(row, names)

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
        if cursor is not None and not (cursor.isdecimal() and len(cursor) < 19):
            raise ValueError("not a cursor of this store")

        def read(database: sqlite3.Connection) -> Page:
            agents = self._known_agents(database)
            names = {number: name for name, number in agents.items()}
            number = agents.get(agent) if agent else None
            if agent and number is None:
                return Page([], None)
            wanted = history.Filter(
                float("-inf") if since is None else since,
                float("inf") if until is None else until,
                number,
                kind,
                int(cursor or 0),
                limit,
            )
            found = [row_mapping.stored(row, names) for row in history.select(database, wanted)]
            return Page(found, str(found[-1].id) if len(found) >= limit else None)

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
        def read(database: sqlite3.Connection) -> Hours:
            agents = self._known_agents(database)
            if agent and agent not in agents:
                return Hours([], None)
            return rollups.select(
                database,
                {number: name for name, number in agents.items()},
                since=float("-inf") if since is None else since,
                until=float("inf") if until is None else until,
                agent=agents[agent] if agent else None,
                cursor=cursor,
                limit=limit,
            )

        return await self._read(read)

    def _known_agents(self, database: sqlite3.Connection) -> dict[str, int]:
        """Agents by name; read anew where this is not the writer's own store."""
        if self._database is not None:
            return self._agents
        return dict(database.execute("SELECT name, id FROM agent"))

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        query = "SELECT * FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?"
        found = await self._all(query, (before or 2**62, limit))
        return [row_mapping.dead_letter(row) for row in found]

    async def commands(self, *, agent: str | None, since: float, limit: int) -> list[IssuedCommand]:
        query = (
            "SELECT * FROM command WHERE created >= ? AND (? IS NULL OR agent = ?)"
            " ORDER BY created DESC LIMIT ?"
        )
        found = await self._all(query, (since, agent, agent, limit))
        return [row_mapping.command(row) for row in reversed(found)]

    async def backup(self, target: Path) -> None:
        def copy(database: sqlite3.Connection) -> None:
            part = target.with_name(target.name + ".part")
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with sqlite3.connect(part) as copied:
                database.backup(copied, pages=4096)
            copied.close()
            part.replace(target)

        try:
            await self._read(copy)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"the backup {target} cannot be written", str(error), f"df -h {target.parent}"
            ) from None

    async def _all(self, query: str, values: tuple[Any, ...]) -> list[row_mapping.Row]:
        return await self._read(lambda database: database.execute(query, values).fetchall())

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: work(self._reader()))

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "database", None)
        if reader is None:
            reader = self._local.database = connect(self.path)
            reader.execute("PRAGMA query_only = ON")
            self._open_readers.append(reader)
        return reader


def _moment(first: StoredMessage) -> int:
    return int(first.at) // history.MOMENT * history.MOMENT
