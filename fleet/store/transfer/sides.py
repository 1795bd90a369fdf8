"""What a move asks of the store that it leaves and of the one that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fleet.store.transfer.shape import Row, Shape

Documents = dict[str, str]
"""What services keep beside the tables, by name."""


@dataclass(frozen=True, slots=True)
class KeptDocuments:
    """How to read and to write those that lie in a home, given by who knows its files."""

    read: Callable[[], Documents]
    write: Callable[[Documents], None]


class Side(Protocol):
    """A store at rest: nobody else writes to it. Each call is a transaction of its own.

    Raises:
        StoreError: it cannot be asked, or somebody else wrote after all.
    """

    name: str

    def count(self, shape: Shape) -> int: ...

    def rows(self, shape: Shape, after: Row | None, limit: int) -> list[Row]:
        """Up to `limit` canonical rows in the order of their keys, those behind the key `after`."""
        ...

    def numbers(self) -> dict[str, int]:
        """What the store knows of itself and another could not find out by itself: `last_id` at
        least, the greatest id that it ever gave."""
        ...

    def documents(self) -> Documents: ...

    def close(self) -> None:
        """Let go of it, as it is; safe to call twice."""
        ...


class Source(Side, Protocol):
    def require_at_rest(self) -> None:
        """
        Raises:
            StoreError: somebody else may have written to it since it was opened.
        """
        ...

    def leave(self, to: str) -> None:
        """Note that `to` is the store from now on, so that no hub goes on with this one."""
        ...


class Target(Side, Protocol):
    """A store that no hub opens until `finish`; what an interrupted move left there is kept."""

    def last_key(self, shape: Shape) -> Row | None:
        """The greatest key; None: the table is empty."""
        ...

    def append(self, shape: Shape, rows: list[Row]) -> None: ...

    def clear(self, shape: Shape) -> None: ...

    def finish(self, numbers: dict[str, int], documents: Documents) -> None:
        """Make it a store like any other, durable, in one step."""
        ...


Tell = Callable[[str, int], None]
"""Told what is done (a few words) and how many rows of it."""
