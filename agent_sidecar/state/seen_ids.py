"""Ids of commands that were answered, so that each is answered once, also after a restart."""

from __future__ import annotations

import sqlite3
from typing import Final

from agent_sidecar.state.database import Database
from fleet.contract.limits import MAX_TTL

MAX_IDS: Final = 1024
"""Only accepted commands are remembered, and those are rate-limited."""


class SeenIds:
    """Remembers ids at least until they expire (s since the epoch), as far as there is room.

    An id leaves only to make room, never by the time alone: a clock that was ahead for a moment
    would else make every command that was answered new again.

    They reach the disk with the next thing that does, so with the answer; or by `save`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._until: dict[str, float] = dict(
            database.connection.execute("SELECT id, until FROM seen")
        )
        self._fresh: dict[str, float] = {}
        self._gone: set[str] = set()
        database.join(self)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._until

    def add(self, id_: str, until: float, now: float) -> None:
        def worth(known: str) -> tuple[bool, float]:
            """Who is over goes first, or whose end no command can have; then who ends first."""
            end = self._until[known]
            return now < end <= now + MAX_TTL, end

        while len(self._until) >= MAX_IDS:
            self._drop(min(self._until, key=worth))
        self._until[id_] = self._fresh[id_] = until

    def full(self, now: float) -> bool:
        """Whether one more would push out one that has not expired yet."""
        return len(self._until) >= MAX_IDS and min(self._until.values()) > now

    def save(self) -> bool:
        """Have them on disk now; False on a full one, where memory still knows them."""
        return self._database.write()

    def write(self, connection: sqlite3.Connection) -> None:
        if self._fresh or self._gone:
            connection.executemany("DELETE FROM seen WHERE id = ?", [(id_,) for id_ in self._gone])
            connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", self._fresh.items())

    def ended(self, written: bool) -> None:
        if written:
            self._fresh.clear()
            self._gone.clear()

    def _drop(self, id_: str) -> None:
        del self._until[id_]
        self._fresh.pop(id_, None)
        self._gone.add(id_)
