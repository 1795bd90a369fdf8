"""Ids of commands that were answered, so that each is answered once, also after a restart."""

from __future__ import annotations

import heapq
import sqlite3
from typing import Final

from agent_sidecar.state.database import Database
from fleet.contract.limits import MAX_TTL

MAX_IDS: Final = 1024
"""Only accepted commands are remembered, and those are rate-limited."""

BATCH: Final = 64
"""Ids that leave at once, if they are over."""


class SeenIds:
    """Remembers ids at least until they expire (s since the epoch), as far as there is room.

    An id leaves only to make room, never by the time alone: a clock that was ahead for a moment
    would else make every command that was answered new again.

    They reach the disk with the next thing that does, so with the answer. One that is `awaited`
    does not before it is `settled`: a command that is not answered yet comes again after a crash,
    and is new then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._until: dict[str, float] = dict(
            database.connection.execute("SELECT id, until FROM seen")
        )
        self._fresh: dict[str, float] = {}
        self._awaited: dict[str, float] = {}
        self._gone: set[str] = set()
        database.join(self)

    @property
    def waits(self) -> bool:
        return bool(self._fresh or self._gone)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._until

    def add(self, id_: str, until: float, now: float) -> None:
        def worth(known: str) -> tuple[bool, float]:
            """Who is over goes first, or whose end no command can have; then who ends first."""
            end = self._until[known]
            return now < end <= now + MAX_TTL, end

        while len(self._until) >= MAX_IDS:  # for many at once, since to look for them costs
            first, *more = heapq.nsmallest(BATCH, self._until, key=worth)
            for known in (first, *(one for one in more if not worth(one)[0])):
                self._drop(known)
        self._until[id_] = self._fresh[id_] = until

    def full(self, now: float) -> bool:
        """Whether one more would push out one that has not expired yet."""
        return len(self._until) >= MAX_IDS and min(self._until.values()) > now

    def awaited(self, id_: str) -> None:
        """What this is the id of is yet to be carried out."""
        self._awaited[id_] = self._fresh.pop(id_)

    def settled(self, id_: str) -> None:
        """Run again, it would do harm, or say twice what is on its way."""
        until = self._awaited.pop(id_, None)
        if until is not None and id_ in self._until:
            self._fresh[id_] = until

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
        self._awaited.pop(id_, None)
        self._gone.add(id_)
