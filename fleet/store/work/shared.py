"""Calls that come at the same time share a transaction, in whatever database.

A transaction costs a wait for the disk, whatever it holds. Calls are queued; whoever has the
writer's thread next carries out all that wait by then, and all are answered when they are durable.
What they will ask for is read for all of them in one go, and what they change is written so: see
`sql_session`. A call judges first and writes after, so one that is refused leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fleet.store.port import StoreError
from fleet.store.work.sql import SqlWorkTables
from fleet.store.work.tables import NOTHING, Needs, WorkTables

C = TypeVar("C")
"""A connection."""
T = TypeVar("T")

TOGETHER: Final = 100
"""Calls of one transaction at most: some 20 ms in SQLite, for which intake has to wait."""


class Call(NamedTuple):
    needs: Needs
    work: Callable[[WorkTables], Any]
    future: asyncio.Future[Any]


class Answer(NamedTuple):
    value: Any
    wrong: Exception | None = None


Transaction = Callable[[Callable[[C], Any]], Any]
"""Does work over a connection, whole or not at all."""


class _HalfDoneError(Exception):
    """A call failed that had begun to write: a fault, whose part cannot be told from others'."""

    def __init__(self, wrong: Exception) -> None:
        self.wrong = wrong


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

    async def write(self, work: Callable[[WorkTables], T], needs: Needs = NOTHING) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(Call(needs, work, future))
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
            calls.sort(key=lambda call: call.needs.claim is None)  # those that claim, together
            answers = self._answers(transaction, calls)
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

    def _answers(self, transaction: Transaction[C], calls: Sequence[Call]) -> list[Answer]:
        try:
            answers: list[Answer] = transaction(lambda connection: self._set(connection, calls))
        except _HalfDoneError as half:
            if len(calls) == 1:
                return [Answer(None, half.wrong)]
            return [self._alone(transaction, call) for call in calls]
        return answers

    def _alone(self, transaction: Transaction[C], call: Call) -> Answer:
        try:
            [answer] = self._answers(transaction, [call])
        except Exception as error:  # noqa: BLE001 - the caller's, who waits on another thread
            return Answer(None, error)
        return answer

    def _set(self, connection: C, calls: Sequence[Call]) -> list[Answer]:
        """What each call answers, or its error; all that they write."""
        known = self._tables(connection)
        known.expect(call.needs for call in calls)
        answers = [self._answer(known, call.work) for call in calls]
        known.flush()
        return answers

    def _answer(self, known: SqlWorkTables, work: Callable[[WorkTables], Any]) -> Answer:
        written = known.writes
        try:
            return Answer(work(known))
        except self._breaks:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's, who waits on another thread
            if known.writes != written:
                raise _HalfDoneError(error) from None
            return Answer(None, error)


def _tell(told: Sequence[tuple[asyncio.Future[Any], Answer]]) -> None:
    for future, answer in told:
        if future.done():  # its caller has gone
            continue
        if answer.wrong is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.wrong)


def carry_out(known: SqlWorkTables, work: Callable[[WorkTables], T], needs: Needs = NOTHING) -> T:
    """Work inside a transaction of the caller's, whole."""
    known.expect([needs])
    answer = work(known)
    known.flush()
    return answer
