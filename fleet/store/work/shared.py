"""Calls that come at the same time share a transaction, in whatever database.

A transaction costs a wait for the disk, whatever it holds. Calls are queued; whoever has the
writer's thread next carries out all that wait by then, and all are answered when they are durable.
A call checks all that may be wrong before it writes, so few are refused: where one is, nothing of
that transaction stays, and all of it is done again with a savepoint before each call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fleet.store.port import StoreError
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.tables import WorkTables

C = TypeVar("C")
"""A connection."""
T = TypeVar("T")

TOGETHER: Final = 100
"""Calls of one transaction at most: some 20 ms in SQLite, for which intake has to wait."""


class Call(NamedTuple):
    work: Callable[[WorkTables], Any]
    future: asyncio.Future[Any]


class Answer(NamedTuple):
    value: Any
    wrong: Exception | None = None


Transaction = Callable[[Callable[[C], Any]], Any]
"""Does work over a connection, whole or not at all."""


class _RefusedError(Exception):
    """A call was refused; what it wrote cannot be told from what others wrote."""


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
        self._gathers: asyncio.AbstractEventLoop | None = None

    async def write(self, work: Callable[[WorkTables], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(Call(work, future))
        if self._gathers is not loop:
            self._gathers = loop
            loop.call_soon(self._ask_writer)
        return await future

    async def read(self, work: Callable[[WorkTables], T]) -> T:
        answer: T = await self._read(lambda connection: work(self._tables(connection)))
        return answer

    def _ask_writer(self) -> None:
        """Once a turn of the loop, for all that was called in it."""
        self._gathers = None
        try:
            for _ in range(0, len(self._waiting), TOGETHER):
                self._soon(self._carry_out)
        except (StoreError, RuntimeError) as error:  # closed, or closing this moment
            while calls := self._next():
                _tell([(call.future, Answer(None, error)) for call in calls])

    def _carry_out(self, transaction: Transaction[C]) -> None:
        """Do what waits by now. Of the jobs that were queued for it, those behind find nothing."""
        calls = [call for call in self._next() if not call.future.cancelled()]
        if not calls:
            return
        try:
            answers = self._answers(transaction, [call.work for call in calls])
        except Exception as error:  # noqa: BLE001 - each caller hears of it, on another thread
            answers = [Answer(None, error)] * len(calls)
        told = list(zip((call.future for call in calls), answers, strict=True))
        for loop in {call.future.get_loop() for call in calls}:
            its = [one for one in told if one[0].get_loop() is loop]
            with suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, its)

    def _next(self) -> list[Call]:
        found: list[Call] = []
        with suppress(IndexError):  # while the store closes, two take from it
            while len(found) < TOGETHER:
                found.append(self._waiting.popleft())
        return found

    def _answers(
        self, transaction: Transaction[C], works: Sequence[Callable[[WorkTables], Any]]
    ) -> list[Answer]:
        def together(connection: C) -> list[Answer]:
            known = self._tables(connection)
            answers = [self._answer(known, work) for work in works]
            known.numbers.flush()
            return answers

        def apart(connection: C) -> list[Answer]:
            known = self._tables(connection)
            answers = [self._answer_apart(known, work) for work in works]
            known.numbers.flush()
            return answers

        answers: list[Answer]
        try:
            answers = transaction(together)
        except _RefusedError:
            answers = transaction(apart)
        return answers

    def _answer(self, known: SqlWorkTables, work: Callable[[WorkTables], Any]) -> Answer:
        try:
            return Answer(work(known))
        except self._breaks:
            raise
        except Exception:  # noqa: BLE001 - the caller's, who hears of it by `_answer_apart`
            raise _RefusedError from None

    def _answer_apart(self, known: SqlWorkTables, work: Callable[[WorkTables], Any]) -> Answer:
        """What a call answers, or its error; then nothing of it is written, and others' work
        stays."""
        mark = known.numbers.mark()
        known.run("SAVEPOINT call", ())
        answer = Answer(None)
        try:
            answer = Answer(work(known))
        except self._breaks:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's, who waits on another thread
            answer = Answer(None, error)
            known.run("ROLLBACK TO call", ())
            known.numbers.rewind(mark)
        known.run("RELEASE call", ())
        return answer


def _tell(told: Sequence[tuple[asyncio.Future[Any], Answer]]) -> None:
    for future, answer in told:
        if future.done():  # its caller has gone
            continue
        if answer.wrong is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.wrong)


def carry_out(known: SqlWorkTables, work: Callable[[WorkTables], T]) -> T:
    """Work inside a transaction of the caller's, whole."""
    answer = work(known)
    known.numbers.flush()
    return answer
