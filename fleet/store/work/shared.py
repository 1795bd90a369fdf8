"""Calls that come at the same time share a transaction, in whatever database.

A transaction costs a wait for the disk, whatever it holds. Calls are queued; whoever has the
writer's thread next carries out all that wait by then, and each is answered when they are durable.
Each stands behind a savepoint, so that one that is refused takes no other along.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

from fleet.store.port import StoreError
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.tables import WorkTables

C = TypeVar("C")
"""A connection."""
T = TypeVar("T")

TOGETHER: Final = 100
"""Calls of one transaction at most: some 20 ms in SQLite, for which intake has to wait."""

Call = tuple[Callable[[WorkTables], Any], Future[Any]]
Transaction = Callable[[Callable[[C], Any]], Any]
"""Does work over a connection, whole or not at all."""


class SharedTransactions(Generic[C]):
    """See `fleet.store.work.transactional.Transactions`.

    Args:
        tables: those of a connection, inside a transaction.
        breaks: what the database raises; then the transaction is over for all.
        soon: runs a function on the writer's thread, some time, with a way to a transaction.
        read: runs one over a reader's connection.
    """

    def __init__(
        self,
        tables: Callable[[C], SqlWorkTables],
        breaks: type[Exception],
        soon: Callable[[Callable[[Transaction[C]], None]], None],
        read: Callable[[Callable[[C], Any]], Awaitable[Any]],
    ) -> None:
        self._tables = tables
        self._breaks = breaks
        self._soon = soon
        self._read = read
        self._waiting: deque[Call] = deque()

    async def write(self, work: Callable[[WorkTables], T]) -> T:
        future: Future[T] = Future()
        self._waiting.append((work, future))
        self._soon(self._carry_out)
        return await asyncio.wrap_future(future)

    async def read(self, work: Callable[[WorkTables], T]) -> T:
        answer: T = await self._read(lambda connection: work(self._tables(connection)))
        return answer

    def _carry_out(self, transaction: Transaction[C]) -> None:
        """Do what waits by now. Of the jobs that were queued for it, those behind find nothing."""
        calls = [call for call in self._next() if call[1].set_running_or_notify_cancel()]
        if not calls:
            return
        try:
            answers = transaction(lambda connection: self._answers(connection, calls))
        except StoreError as error:
            for _, future in calls:
                future.set_exception(error)
            return
        for (_, future), (answer, wrong) in zip(calls, answers, strict=True):
            if wrong is None:
                future.set_result(answer)
            else:
                future.set_exception(wrong)

    def _next(self) -> list[Call]:
        return [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]

    def _answers(self, connection: C, calls: Sequence[Call]) -> list[tuple[Any, Exception | None]]:
        known = self._tables(connection)
        answers = [self._answer(known, work) for work, _ in calls]
        known.numbers.flush()
        return answers

    def _answer(
        self, known: SqlWorkTables, work: Callable[[WorkTables], Any]
    ) -> tuple[Any, Exception | None]:
        """What a call answers, or its error; then nothing of it is written, and others' work
        stays."""
        mark = known.numbers.mark()
        known.run("SAVEPOINT call", ())
        answer, wrong = None, None
        try:
            answer = work(known)
        except self._breaks:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's, who waits on another thread
            wrong = error
            known.run("ROLLBACK TO call", ())
            known.numbers.rewind(mark)
        known.run("RELEASE call", ())
        return answer, wrong


def carry_out(known: SqlWorkTables, work: Callable[[WorkTables], T]) -> T:
    """Work inside a transaction of the caller's, whole."""
    answer = work(known)
    known.numbers.flush()
    return answer
