"""The store in PostgreSQL: one writer, readers beside it.

Each batch is one transaction, and ends with a look at the lease: what was committed was committed
by the hub that leads, and survives a crash of the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import psycopg

from fleet.domain.commands import IssuedCommand
from fleet.store import moments, row_mapping
from fleet.store.leadership import Leadership
from fleet.store.pairs import PairStore, SqlPairs
from fleet.store.port import LeadershipLostError, StoreError, StoreUnavailableError
from fleet.store.postgres import beats, dead_letters, departures, hub_state, months, work
from fleet.store.postgres.agents import numbers
from fleet.store.postgres.bulk_insert import append_messages, insert_many, keep_books
from fleet.store.postgres.connection import Connection, Database, InDoubtError
from fleet.store.postgres.lease import Lease
from fleet.store.postgres.meta import Portable, number, read_meta
from fleet.store.postgres.migrations import migrate
from fleet.store.postgres.reader import PostgresReader
from fleet.store.postgres.upkeep import Upkeep
from fleet.store.records import Batch, DiskUsage, HubState, StoredMessage
from fleet.store.retention import Retention, TimeFor
from fleet.store.rollout_port import RolloutStore
from fleet.store.sql_timelines import SqlTimelines
from fleet.store.timelines import TimelineStore
from fleet.store.work import task_calls
from fleet.store.work.shared import SharedTransactions, Transaction, carry_out
from fleet.store.work.tables import Needs
from fleet.store.work.transactional import TransactionalWork
from fleet.store.work.transactional_rollouts import TransactionalRollouts
from fleet.store.work_port import WorkStore

T = TypeVar("T")

PAGE: Final = 2_000
"""Messages that are replayed at a time."""


class PostgresStore(PostgresReader):
    """See `fleet.store.port.Store`.

    Args:
        leadership: the lease that every write is held to; None: nobody else may write, as when a
            store is tried or moved.
    """

    def __init__(
        self,
        database: Database,
        retention: Retention | None = None,
        leadership: Lease | None = None,
    ) -> None:
        super().__init__(database)
        self.leadership: Leadership | None = leadership
        self._lease = leadership
        self.dead_letters_dropped = 0
        self.values_left_out = 0
        self._keep = retention or Retention()
        self._upkeep = Upkeep(self._keep)
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._is_open = False
        self._agents: dict[str, int] = {}
        self._months: set[int] = set()
        self._message_to = 0
        self._last_moment = moments.NOWHERE
        self._in_doubt = False
        self._size = 0
        tables = SharedTransactions(work.tables, psycopg.Error, self._write_soon, self._read)
        self.work: WorkStore = TransactionalWork(tables)
        self.rollouts: RolloutStore = TransactionalRollouts(tables)
        self.pairs: PairStore = SqlPairs(tables)
        self.timelines: TimelineStore = SqlTimelines(tables, beats.DIALECT)

    # Opening and closing

    def open(self) -> HubState:
        self._database.open()
        state = self._transaction(self._begin)()
        self._is_open = self._judged = True
        return state

    async def close(self) -> None:
        """Finish what was begun, and let another hub lead; safe to call twice."""
        self._is_open = False
        await super().close()

    def _finish(self) -> None:
        self._writer.shutdown()
        if self._lease is not None:
            self._lease.release()
        super()._finish()

    def _begin(self, connection: Connection) -> Callable[[], HubState]:
        _require_durable(connection)
        migrate(connection)
        dead_letters.recount(connection)
        self._learn(connection)
        return hub_state.read(connection)

    def _learn(self, connection: Connection) -> None:
        """What this store knows by heart, since nobody else writes."""
        self._last_moment = moments.newest(Portable(connection))
        self._agents = numbers(connection)
        self._months = months.known(connection)
        self._message_to = read_meta(connection, "message_to")

    # Writing

    async def commit(self, batch: Batch) -> None:
        try:
            learned = await self._write(partial(self._commit, batch=batch))
        except InDoubtError:
            self._in_doubt = True
            raise
        self._in_doubt = False
        self._agents, self._last_moment, self._message_to = learned[:3]
        self._months |= learned.months
        self.dead_letters_dropped += learned.dropped

    async def save_commands(self, commands: list[IssuedCommand]) -> None:
        rows = [row_mapping.command_row(command) for command in commands]
        known = row_mapping.KNOWN_COMMAND
        await self._write(lambda connection: insert_many(connection, "command", rows, known))

    async def upkeep(self, now: float, due: TimeFor | None = None) -> bool:
        def step(connection: Connection) -> tuple[bool, int, set[int]]:
            more = self._upkeep.step(connection, now, due)
            size = 0 if more else number(connection, _SIZE) or 0
            return more, size, months.known(connection)

        more, size, self._months = await self._write(step)
        self._size = size or self._size
        self.values_left_out = self._upkeep.values_left_out
        return more

    async def _write(self, work: Callable[[Connection], T]) -> T:
        if not self._is_open:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._transaction, work)

    def _write_soon(self, job: Callable[[Transaction[Connection]], None]) -> None:
        """
        Raises:
            StoreError: it is closed.
        """
        if not self._is_open:
            raise StoreError("the store is closed")
        self._writer.submit(job, partial(self._transaction, settings=work.BY_INDEX))

    def _transaction(self, work: Callable[[Connection], T], settings: str = "") -> T:
        fence = self._lease.fence() if self._lease else "COMMIT"
        try:
            return self._database.transaction(work, fence, settings)
        except (StoreUnavailableError, LeadershipLostError):
            raise
        except StoreError:
            # Once another hub wrote, what this one knows by heart is wrong, ids and partitions
            # too: then not that is the reason, but who leads.
            self._database.transaction(_nothing, fence)
            raise

    def _commit(self, connection: Connection, batch: Batch) -> Learned:
        """Write the batch, in few statements: each is a round trip."""
        if self._in_doubt:
            self._learn(connection)
        messages = self._new(batch.messages)
        place, agents = self._last_moment, self._agents
        made: set[int] = set()
        meta = row_mapping.numbers(batch)
        if messages:
            agents = self._numbered(connection, messages)
            sizes = months.sizes(messages)
            made = set(sizes) - self._months
            months.make(connection, made)
            append_messages(connection, messages, agents)
            entered, place = moments.entries(messages, place)
            meta["message_to"] = messages[-1].id
            keep_books(connection, sizes, entered, meta)
        elif meta:
            keep_books(connection, {}, [], meta)
        dropped = 0
        if batch.dead_letters:
            most = self._keep.max_dead_letters
            dropped = dead_letters.append(connection, batch.dead_letters, most)
        if batch.events:
            insert_many(connection, "event", map(row_mapping.event_row, batch.events))
        self._commit_state(connection, batch)
        if batch.progress:
            hear = partial(task_calls.hear, reports=batch.progress)
            needs = Needs(tasks=tuple({report.task for report in batch.progress}))
            carry_out(work.tables(connection), hear, needs)
        departures.carry_out(connection, batch)
        if batch.renamed:
            agents = numbers(connection)
        return Learned(agents, place, meta.get("message_to", self._message_to), made, dropped)

    def _commit_state(self, connection: Connection, batch: Batch) -> None:
        """Alerts, silences and records, by their keys."""
        if batch.alerts:
            insert_many(connection, "alert", map(row_mapping.alert_row, batch.alerts))
        for key in batch.forgotten_alerts:
            connection.execute("DELETE FROM alert WHERE agent = %s AND code = %s", key)
        if batch.silences:
            insert_many(connection, "silence", map(row_mapping.silence_row, batch.silences))
        if batch.lifted:
            connection.execute("DELETE FROM silence WHERE id = ANY(%s)", (batch.lifted,))
        if batch.records:
            records = (
                (agent, upto, json.dumps(state, separators=(",", ":")))
                for agent, upto, state in batch.records
            )
            insert_many(connection, "record", records)
        if batch.forgotten_records:
            connection.execute(
                "DELETE FROM record WHERE agent = ANY(%s)", (batch.forgotten_records,)
            )

    def _new(self, messages: list[StoredMessage]) -> list[StoredMessage]:
        """Those that are not stored yet. Only one hub gives ids, and they grow: so what a commit
        wrote whose end nobody heard is known by them, and nothing else may be known.

        Raises:
            StoreError: an id does not grow.
        """
        if not messages:
            return messages
        last = self._message_to
        if self._in_doubt:
            messages = [message for message in messages if message.id > last]
        ids = [last, *(message.id for message in messages)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise StoreError("the store refused a write", "a message's id does not grow")
        return messages

    def _numbered(self, connection: Connection, messages: list[StoredMessage]) -> dict[str, int]:
        """The agents' numbers; new ones are entered, and forgotten if the batch fails."""
        new = dict.fromkeys(m.agent for m in messages if m.agent not in self._agents)
        if not new:
            return self._agents
        agents = numbers(connection)
        last = max(agents.values(), default=0)
        strangers = [name for name in new if name not in agents]
        rows = [(last + n, name) for n, name in enumerate(strangers, 1)]
        connection.execute(
            "INSERT INTO agent (id, name) SELECT * FROM unnest(%s::integer[], %s::text[])",
            ([id_ for id_, _ in rows], [name for _, name in rows]),
        )
        return agents | {name: id_ for id_, name in rows}

    # Reading

    def replay(self, after: int) -> Iterator[StoredMessage]:
        if not self._is_open:
            raise StoreError("the store is closed")
        names = {number: name for name, number in self._agents.items()}
        query = (
            "SELECT id, at, agent, kind, retained, payload FROM message WHERE id > %s"
            " ORDER BY id LIMIT %s"
        )
        while True:
            values = (after, PAGE)
            rows = self._database.snapshot(lambda c, v=values: c.execute(query, v).fetchall())  # type: ignore[misc]
            for row in rows:
                yield row_mapping.message(row, names)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def disk_usage(self) -> DiskUsage:
        """As of the last upkeep; how much room its disk has, a database does not tell."""
        return DiskUsage({"database": self._size}, None)


class Learned(NamedTuple):
    """What is known once a batch holds: the agents' numbers, where it ended in `moment`, its last
    id, the months that are new, and how many dead letters had to go for it."""

    agents: dict[str, int]
    place: moments.Place
    message_to: int
    months: set[int]
    dropped: int


def _nothing(_connection: Connection) -> None: ...


_SIZE: Final = "SELECT pg_database_size(current_database())"


def _require_durable(connection: Connection) -> None:
    """
    Raises:
        StoreError: the database would acknowledge what is not on its disk yet.
    """
    row = connection.execute("SELECT current_setting('synchronous_commit')").fetchone()
    if row and row[0] == "off":
        raise StoreError(
            "the store would forget what it has acknowledged",
            "synchronous_commit is off",
            "ALTER DATABASE … SET synchronous_commit = on",
        )
