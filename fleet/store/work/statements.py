"""What an SQL database must be able to do for work, besides having its tables.

Statements are written once, with `?` for each value. What each database does in its own way is to
write many rows by one statement, and to look into the queue at several places at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from fleet.store.work.rows import Row

T = TypeVar("T")

Question = tuple[str, Sequence[Any]]
"""A statement that returns rows, or a part of one, and its values."""


class Look(NamedTuple):
    """A place in the queue: tasks of a group and kind, for one agent or (empty) for anybody."""

    group: str
    kind: str
    addressee: str


MAX_LOOKS: Final = 128
"""Places of one question: SQLite takes up to 500 parts, and a place has one for each priority."""


class Statements(Protocol):
    """One transaction of a database."""

    def run(self, statement: str, values: Sequence[Any]) -> list[Row]:
        """One statement; all of its rows. One that returns none may be carried out later, before
        any other that does."""
        ...

    def ask(self, questions: Sequence[Question]) -> list[list[Row]]:
        """Questions of which none needs another's answer; carried out in their order."""
        ...

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], known: str = ""
    ) -> None:
        """New rows, numbered in their order. `known`: a clause for those that are there already."""
        ...

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set `columns` of rows; each of `rows` has their values, and that of `key` behind them."""
        ...

    def among(self, column: str, values: Sequence[Any]) -> Question:
        """A condition that `column` is one of `values`, of which there is one, and its values."""
        ...

    def finish(self) -> None:
        """Carry out what nobody has waited for yet."""
        ...

    def ready(self, looks: Sequence[tuple[Look, int]], now: float) -> Question:
        """What can be claimed at up to `MAX_LOOKS` places, at each the first so many of every
        priority. Its rows: place in `looks`, priority, when it was due, number."""
        ...


def holes(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))


def padded(values: Sequence[T]) -> list[T]:
    """`values`, the last one repeated until they are a power of two: so a database that keeps
    statements meets few different ones."""
    more = (1 << (len(values) - 1).bit_length()) - len(values)
    return [*values, *repeat(values[-1], more)]
