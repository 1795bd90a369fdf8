"""The store in SQLite: one writer on its own thread, readers beside it (WAL).

Each batch is one transaction with `synchronous = FULL`: what was committed, and therefore
acknowledged, survives a power cut. The thread keeps a slow disk out of the event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from fleet.contract import trusted_path
from fleet.domain.commands import IssuedCommand
from fleet.store import moments, row_mapping
from fleet.store.leadership import Leadership
from fleet.store.pairs import PairStore, SqlPairs
from fleet.store.port import StoreError
from fleet.store.records import Batch, DiskUsage, HubState, StoredMessage
from fleet.store.retention import Retention, TimeFor
from fleet.store.rollout_port import RolloutStore
from fleet.store.sql_timelines import SqlTimelines
from fleet.store.sqlite import beats, dead_letters, departures, work
from fleet.store.sqlite.bulk_insert import append_messages, insert_many
from fleet.store.sqlite.connection import (
    FILE_NAME,
    check,
    close,
    connect,
    damaged,
    read_meta,
    take_lock,
    transaction,
    unreadable,
    write_meta,
)
from fleet.store.sqlite.migrations import migrate
from fleet.store.sqlite.reader import SqliteReader
from fleet.store.sqlite.upkeep import Upkeep
from fleet.store.stored_records import StoredRecords
from fleet.store.timelines import TimelineStore
from fleet.store.work import task_calls
from fleet.store.work.shared import SharedTransactions, Transaction, carry_out
from fleet.store.work.tables import Needs
from fleet.store.work.transactional import TransactionalWork
from fleet.store.work.transactional_rollouts import TransactionalRollouts
from fleet.store.work_port import WorkStore

T = TypeVar("T")

CACHE: Final = 32 * 1024
"""KiB of page cache of the writer: the hot edge of the index for 8,000 agents."""


class SqliteStore(SqliteReader):
    """See `fleet.store.port.Store`."""

    leadership: Leadership | None = None

    def __init__(self, home: Path, retention: Retention | None = None) -> None:
        super().__init__(home / FILE_NAME)
        self._home = home
        self._keep = retention or Retention()
        self._upkeep = Upkeep(self._keep)
        self.dead_letters_dropped = 0
        self.values_left_out = 0
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._database: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._agents: dict[str, int] = {}
        self._last_moment = moments.NOWHERE
        tables = SharedTransactions(work.tables, sqlite3.Error, self._write_soon, self._read)
        self.work: WorkStore = TransactionalWork(tables)
        self.rollouts: RolloutStore = TransactionalRollouts(tables)
        self.pairs: PairStore = SqlPairs(tables)
        self.timelines: TimelineStore = SqlTimelines(tables, beats.DIALECT)

    # Opening and closing

    def open(self) -> HubState:
        trusted_path.make_folder(self._home)
        self._lock = take_lock(self._home / "hub.lock")
        try:
            os.close(trusted_path.open_file(self.path, os.O_CREAT | os.O_RDWR))
            self._database = connect(self.path)
            self._database.execute(f"PRAGMA cache_size = -{CACHE}")
            check(self._database, self.path)
            migrate(self._database)
            dead_letters.recount(self._database)
            self._last_moment = moments.newest(self._database)
            return self._hub_state(self._database)
        except sqlite3.DatabaseError as error:
            raise unreadable(self.path, error) from None
        except (ValueError, TypeError, KeyError) as error:
            raise self._unreadable(error) from None
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
        await super().close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hub_state(self, database: sqlite3.Connection) -> HubState:
        self._agents = dict(database.execute("SELECT name, id FROM agent"))
        ids = [
            database.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0  # noqa: S608 - our own names
            for table in ("message", "dead_letter", "event")
        ]
        last = [read_meta(database, "last_id"), *ids]
        newest = database.execute(
            "SELECT at FROM (SELECT * FROM (SELECT id, at FROM message ORDER BY id DESC LIMIT 1)"
            " UNION SELECT * FROM (SELECT id, at FROM event ORDER BY id DESC LIMIT 1))"
            " ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return HubState(
            last_id=max(last),
            last_at=newest[0] if newest else 0.0,
            records=StoredRecords(
                database.execute("SELECT * FROM record").fetchall(), self._unreadable
            ),
            alerts=[row_mapping.alert(row) for row in database.execute("SELECT * FROM alert")],
            silences=[
                row_mapping.silence(row) for row in database.execute("SELECT * FROM silence")
            ],
            replay_from=read_meta(database, "replay_from"),
            heard_until=row_mapping.moment(read_meta(database, row_mapping.HEARD_UNTIL)),
        )

    def _unreadable(self, error: Exception) -> StoreError:
        return damaged(self.path, f"a row holds what is not ours ({type(error).__name__})")

    # Writing

    async def commit(self, batch: Batch) -> None:
        self._agents, dropped, self._last_moment = await self._write(
            lambda database: self._commit(database, batch)
        )
        self.dead_letters_dropped += dropped

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        values = [row_mapping.command_row(command) for command in commands]

        def save(database: sqlite3.Connection) -> None:
            # Cursors must end on this thread: let go of on another, one resets the statement
            # under the next write ("bad parameter or other API misuse").
            known = row_mapping.KNOWN_COMMAND
            insert_many(database, "command", 14, values, verb="INSERT", conflict=known)

        await self._write(save)

    async def upkeep(self, now: float, due: TimeFor | None = None) -> bool:
        waiting = await self._write(lambda database: self._upkeep.step(database, now, due))
        self.values_left_out = self._upkeep.values_left_out
        return waiting

    def _write_soon(self, job: Callable[[Transaction[sqlite3.Connection]], None]) -> None:
        """Run `job` on the writer's thread; it makes its own transactions and raises nothing."""
        database = self._database
        if database is None:
            raise StoreError("the store is closed")
        self._writer.submit(job, partial(transaction, database))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._database
        if database is None:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, transaction, database, work)

    def _commit(
        self, database: sqlite3.Connection, batch: Batch
    ) -> tuple[dict[str, int], int, moments.Place]:
        """Write the batch; the agents' numbers, how many dead letters had to go for it and where it
        ends, all valid once the transaction holds."""
        agents = self._numbered(database, batch.messages)
        append_messages(database, batch.messages, agents)
        place = self._last_moment
        if batch.messages:
            place = moments.enter(database, batch.messages, place)
        many = database.executemany
        dropped = 0
        if batch.dead_letters:
            dropped = dead_letters.append(database, batch.dead_letters, self._keep.max_dead_letters)
        if batch.events:
            insert_many(database, "event", 8, map(row_mapping.event_row, batch.events))
        if batch.alerts:
            insert_many(database, "alert", 13, map(row_mapping.alert_row, batch.alerts))
        if batch.forgotten_alerts:
            many("DELETE FROM alert WHERE agent = ? AND code = ?", batch.forgotten_alerts)
        if batch.silences:
            insert_many(database, "silence", 9, map(row_mapping.silence_row, batch.silences))
        if batch.lifted:
            many("DELETE FROM silence WHERE id = ?", [(id_,) for id_ in batch.lifted])
        if batch.records:
            records = [
                (agent, upto, json.dumps(state, separators=(",", ":")))
                for agent, upto, state in batch.records
            ]
            insert_many(database, "record", 3, records)
        if batch.forgotten_records:
            gone = [(name,) for name in batch.forgotten_records]
            many("DELETE FROM record WHERE agent = ?", gone)
        for name, value in row_mapping.numbers(batch).items():
            write_meta(database, name, value)
        if batch.progress:
            hear = partial(task_calls.hear, reports=batch.progress)
            needs = Needs(tasks=tuple({report.task for report in batch.progress}))
            carry_out(work.tables(database), hear, needs)
        departures.carry_out(database, batch)
        if batch.renamed:
            agents = dict(database.execute("SELECT name, id FROM agent"))
        return agents, dropped, place

    def _numbered(
        self, database: sqlite3.Connection, messages: list[StoredMessage]
    ) -> dict[str, int]:
        """The agents' numbers; new ones are entered, and forgotten if the batch fails."""
        new = {message.agent for message in messages if message.agent not in self._agents}
        if not new:
            return self._agents
        insert_many(database, "agent (name)", 1, ((name,) for name in new), verb="INSERT OR IGNORE")
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
            yield row_mapping.message(row, names)

    def _agent_numbers(self, database: sqlite3.Connection) -> dict[str, int]:
        """Agents by name, known here: nobody else enters them."""
        return self._agents

    def disk_usage(self) -> DiskUsage:
        files = {"database": self.path, "log": self.path.with_name(f"{FILE_NAME}-wal")}
        disk = os.statvfs(self._home)
        used = disk.f_blocks - disk.f_bfree  # beside that, some is kept back for root
        return DiskUsage(
            {name: _size(path) for name, path in files.items()},
            disk.f_bavail * disk.f_frsize,
            (used + disk.f_bavail) * disk.f_frsize,
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
