"""What the hub asks of its memory. SQLite serves it; PostgreSQL could, for several hubs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.domain.commands import IssuedCommand
from fleet.store.records import Batch, DeadLetter, Hours, HubState, Page, StoredMessage


class StoreError(FleetError):
    """The store cannot be opened, is damaged, or is of a newer version."""


class StoreFullError(StoreError):
    """The disk takes no more; nothing of the batch was written."""


class Store(Protocol):
    """One hub's memory. Times are seconds since the epoch on the hub's clock.

    `letters_dropped`: dead letters that had to make room for newer ones since the start.
    """

    letters_dropped: int

    def open(self) -> HubState:
        """Open, migrate and check.

        Raises:
            StoreError: it cannot be used; says why and what to do.
        """
        ...

    async def close(self) -> None: ...

    async def commit(self, batch: Batch) -> None:
        """Make a batch durable.

        Raises:
            StoreFullError: the disk is full, nothing was written; try again later.
            StoreError: it failed otherwise.
        """
        ...

    def replay(self, after: int) -> Iterable[StoredMessage]:
        """Messages with an id above `after`, in order; only before the hub serves."""
        ...

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
        """
        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def rollups(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Hours:
        """Sums of hours that are over.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def dead_letters(self, *, before: int | None, limit: int) -> list[DeadLetter]:
        """Newest first."""
        ...

    async def save_commands(self, commands: list[IssuedCommand]) -> None: ...

    async def commands(
        self, *, agent: str | None, since: float, limit: int
    ) -> list[IssuedCommand]: ...

    async def upkeep(self, now: float) -> bool:
        """A little of the work that waits: index, roll up, forget. True if more is left."""
        ...

    async def backup(self, target: Path) -> None:
        """A consistent copy while serving, 0600."""
        ...
