"""Pairs in the store: one row a pair, in the same place and backup as all else.

A pair is stored before anybody hears of its epoch, and a hub that no longer leads writes none.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from fleet.domain.failover.pair import Cause, Pair, Phase

T = TypeVar("T")


class PairStore(Protocol):
    """Each call raises `StoreError` as `Store.commit` does; after an error nothing changed."""

    async def all(self) -> list[Pair]:
        """By name."""
        ...

    async def save(self, *pairs: Pair) -> None:
        """Durable when it returns, all or none; each takes the place of one of the same name."""
        ...

    async def remove(self, name: str) -> None:
        """One that is not there is no error."""
        ...


class Transactions(Protocol):
    """Runs a function over the tables, whole or not at all."""

    def write(self, work: Callable[[Any], T]) -> Awaitable[T]: ...

    def read(self, work: Callable[[Any], T]) -> Awaitable[T]: ...


class SqlPairs:
    """See `PairStore`; for both SQL stores: tables run a statement with `?`."""

    def __init__(self, transactions: Transactions) -> None:
        self._write, self._read = transactions.write, transactions.read

    async def all(self) -> list[Pair]:
        def ask(tables: Any) -> list[Pair]:
            return [_pair(row[0]) for row in tables.run("SELECT state FROM pair ORDER BY name", ())]

        return await self._read(ask)

    async def save(self, *pairs: Pair) -> None:
        statement = "INSERT INTO pair VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = ?"

        def keep(tables: Any) -> None:
            for pair in pairs:
                text = json.dumps(asdict(pair))
                tables.run(statement, (pair.name, text, text))

        await self._write(keep)

    async def remove(self, name: str) -> None:
        await self._write(lambda tables: tables.run("DELETE FROM pair WHERE name = ?", (name,)))


class InMemoryPairs:
    """See `PairStore`. `writable` raises `StoreError` while nothing can be written."""

    def __init__(self, writable: Callable[[], dict[str, Pair]], kept: dict[str, Pair]) -> None:
        self._writable, self._kept = writable, kept

    async def all(self) -> list[Pair]:
        return [self._kept[name] for name in sorted(self._kept)]

    async def save(self, *pairs: Pair) -> None:
        self._writable().update({pair.name: pair for pair in pairs})

    async def remove(self, name: str) -> None:
        self._writable().pop(name, None)


def _pair(text: str) -> Pair:
    said = json.loads(text)
    return Pair(**{**said, "phase": Phase(said["phase"]), "cause": Cause(said["cause"])})
