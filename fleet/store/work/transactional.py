"""`WorkStore` above tables and transactions: each call is one function over `WorkTables`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Protocol, TypeVar

from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.work import life
from fleet.domain.work.task import Descriptor, Task
from fleet.store import cursors
from fleet.store.work import board_calls, task_calls
from fleet.store.work.tables import NOTHING, Claim, Needs, Wanted, WorkTables
from fleet.store.work_records import Changed, Context, Entry, Read, TaskPage, WorkCounts

T = TypeVar("T")


class Transactions(Protocol):
    """Runs a function over the tables, whole or not at all; its error is raised here."""

    def write(self, work: Callable[[WorkTables], T], needs: Needs = NOTHING) -> Awaitable[T]: ...

    def read(self, work: Callable[[WorkTables], T]) -> Awaitable[T]:
        """The same of what only reads; sees whole transactions, and all that were answered."""
        ...


class TransactionalWork:
    """See `fleet.store.work_port.WorkStore`."""

    def __init__(self, transactions: Transactions) -> None:
        self._write = transactions.write
        self._read = transactions.read

    # A task's life

    async def submit(self, task: Task, now: float) -> tuple[Task, bool]:
        needs = task_calls.needs_of(task)
        return await self._write(lambda tables: task_calls.submit(tables, task, now), needs)

    async def get(self, id_: str, group: str | None = None) -> Task:
        return await self._read(lambda tables: task_calls.find(tables, id_, group))

    async def tasks(
        self,
        *,
        group: str | None = None,
        context: str | None = None,
        agent: str | None = None,
        states: Collection[TaskState] = (),
        cursor: str | None = None,
        limit: int = 100,
    ) -> TaskPage:
        below = cursors.parse_message(cursor) if cursor is not None else None
        wanted = Wanted(group, context, agent, frozenset(states))
        found = await self._read(lambda tables: tables.newest(wanted, below, limit))
        more = str(found[-1][0]) if len(found) >= limit > 0 else None
        return TaskPage([task for _number, task in found], more)

    async def changes(
        self, *, group: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> TaskPage:
        after = cursors.parse_message(cursor)
        found = await self._read(lambda tables: tables.changed(group, after, limit))
        return TaskPage([task for _, task in found], str(found[-1][0] if found else after))

    async def offered(
        self, agent: str, group: str, kinds: Collection[str], now: float, limit: int = 100
    ) -> list[Task]:
        known = task_calls.known_kinds(kinds)
        if not known:
            return []
        return await self._read(lambda tables: tables.offered(agent, group, known, now, limit))

    async def claim(
        self, agent: str, group: str, kinds: Collection[str], now: float
    ) -> Task | None:
        known = task_calls.known_kinds(kinds)
        if not known:
            return None
        needs = Needs(claim=Claim(agent, group, tuple(known), now))
        return await self._write(lambda tables: tables.claim(agent, group, known, now), needs)

    async def renew(
        self, id_: str, agent: str, epoch: int, progress: int, now: float, *, result: bool = False
    ) -> Task:
        renew = partial(task_calls.renew, id_=id_, agent=agent, epoch=epoch, result=result)
        return await self._write(
            lambda tables: renew(tables, progress=progress, now=now), Needs(id_)
        )

    async def finish(
        self,
        id_: str,
        agent: str,
        epoch: int,
        state: TaskState,
        output: Sequence[Descriptor],
        reason: TaskReason | None,
        now: float,
    ) -> Changed:
        end = task_calls.End(agent, epoch, state, tuple(output), reason)
        needs = Needs(id_, ends=True)
        return await self._write(lambda tables: task_calls.finish(tables, id_, end, now), needs)

    async def cancel(self, id_: str, group: str | None, now: float) -> Changed:
        return await self._write(
            lambda tables: task_calls.change(
                tables, id_, group, lambda task: life.canceled(task, now), now
            ),
            Needs(id_, ends=True),
        )

    async def give_input(
        self, id_: str, group: str | None, more: Sequence[Descriptor], now: float
    ) -> Changed:
        return await self._write(
            lambda tables: task_calls.give_input(tables, id_, group, more, now), Needs(id_)
        )

    async def approve(self, id_: str, approved: bool, now: float) -> Changed:
        needs = Needs(id_, ends=True)
        return await self._write(
            lambda tables: task_calls.approve(tables, id_, approved, now), needs
        )

    async def retry(self, id_: str, now: float) -> Changed:
        return await self._write(lambda tables: task_calls.retry(tables, id_, now), Needs(id_))

    async def expire(self, now: float, limit: int = 500) -> list[Task]:
        return await self._write(lambda tables: task_calls.expire(tables, now, limit))

    async def agent_gone(self, agent: str, now: float) -> list[Task]:
        return await self._write(lambda tables: task_calls.agent_gone(tables, agent, now))

    async def restamp(self, step: ClockStep) -> None:
        after: int | None = 0
        while after is not None:
            chunk = partial(task_calls.restamp, step=step, after=after)
            after = await self._write(chunk)

    # Results

    async def untold(self, submitter: str, limit: int = 100) -> list[Task]:
        return await self._read(lambda tables: tables.untold(submitter, limit))

    async def acknowledge(self, submitter: str, ids: Collection[str], now: float) -> int:
        return await self._write(
            lambda tables: task_calls.acknowledge(tables, submitter, ids), Needs(tasks=tuple(ids))
        )

    # Contexts and boards

    async def context(self, id_: str, group: str | None = None) -> Context:
        return await self._read(lambda tables: board_calls.context(tables, id_, group))

    async def open_context(self, id_: str, group: str, now: float) -> Context:
        return await self._write(lambda tables: board_calls.open_context(tables, id_, group, now))

    async def put_entry(self, entry: Entry, expected: int | None = None) -> Entry:
        return await self._write(lambda tables: board_calls.put_entry(tables, entry, expected))

    async def board(self, context: str) -> list[Entry]:
        return await self._read(lambda tables: tables.board(context))

    async def versions(self, context: str, section: BoardSection, name: str) -> list[Entry]:
        return await self._read(lambda tables: board_calls.versions(tables, context, section, name))

    # Who may read what

    async def grant(self, agent: str, things: Collection[str], until: float, now: float) -> None:
        await self._write(lambda tables: board_calls.grant(tables, agent, things, until, now))

    async def may_read(self, agent: str, group: str, digest: str, now: float) -> bool:
        return await self._read(
            lambda tables: board_calls.may_read(tables, agent, group, digest, now)
        )

    async def may_use_board(self, agent: str, group: str, context: str, now: float) -> bool:
        return await self._read(
            lambda tables: board_calls.may_use_board(tables, agent, group, context, now)
        )

    async def log_reads(self, reads: Sequence[Read]) -> None:
        await self._write(lambda tables: tables.log_reads(reads))

    async def reads(self, *, since: float = 0.0, limit: int = 1000) -> list[Read]:
        return await self._read(lambda tables: tables.reads(since, limit))

    # Blobs

    async def add_blob(self, context: str, digest: str, size: int, quota: int, now: float) -> None:
        blob = Descriptor(digest, size)
        await self._write(lambda tables: board_calls.add_blob(tables, context, blob, quota, now))

    async def blob_size(self, digest: str, context: str | None = None) -> int | None:
        return await self._read(lambda tables: tables.blob_size(digest, context))

    async def blob_bytes(self, group: str) -> int:
        return await self._read(lambda tables: tables.blob_bytes(group))

    async def forget_blobs(self, now: float, limit: int = 100) -> list[str]:
        return await self._write(lambda tables: board_calls.forget_blobs(tables, now, limit))

    # Figures

    async def counts(self, now: float) -> WorkCounts:
        return await self._read(lambda tables: tables.counts(now))
