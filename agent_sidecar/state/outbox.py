"""Status, alerts and progress on disk until the hub has receipted them.

When the disk is full, rows wait in memory (bounded) and are written as soon as there is room
again.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from dataclasses import dataclass
from typing import Final

from agent_sidecar.state.database import Database
from fleet.contract.vocabulary import MessageKind, Severity

MAX_ROWS: Final = 10_000
"""Rows on disk; at 4 KiB each at most 40 MiB. Days of outage of a talkative agent."""

MAX_UNSAVED: Final = 256
"""Rows in memory while the disk is full: at most 1 MiB."""

LAZY: Final = 64
"""Rows that may be receipted before that is written down at once: they would be sent again."""

RANK: Final = {"": 0, Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
"""What goes first when the outbox is full: the oldest of the lowest rank."""

PASSING: Final = -1
"""The rank of what the next one of its kind replaces."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message that is to be kept until the hub has it; `rank` is one of `RANK`, or
    `PASSING`."""

    boot: int
    seq: int
    kind: MessageKind
    rank: int
    retain: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow(OutboxEntry):
    """One message on its way; `id` gives the order over all sessions."""

    id: int = 0


def _values(entry: OutboxEntry) -> tuple[int, int, MessageKind, int, bool, bytes]:
    return entry.boot, entry.seq, entry.kind, entry.rank, entry.retain, entry.payload


class Outbox:
    """Rows in order, until receipted.

    What the broker acknowledged and the hub receipted is on disk with the next row, or when the
    database settles: after a crash before that, rows are sent once more.

    Attributes:
        evicted: rows given up because the outbox was full.
    """

    def __init__(self, database: Database, max_rows: int = MAX_ROWS) -> None:
        self._database = database
        self._max_rows = max_rows
        self._unsaved: deque[OutboxRow] = deque()
        self._receipts: dict[int, int] = {}
        self._passed = 0, 0  # ids between which the hub has all: above the first, up to the second
        self._freed = 0
        self._excess = 0
        self._refused = False
        self.evicted = 0
        self._acked = self._meta("acked")
        self._receipted = bool(self._meta("receipted"))
        self._noted = self._notes()
        self._last_id = max(
            self._database.number("SELECT coalesce(max(id), 0) FROM message"), self._acked
        )
        # How many rows the table has: counted once, since to count them is to read them all.
        self._saved = self._on_disk = self._database.number("SELECT count(*) FROM message")
        self._saved_to = self._last_id
        database.join(self)

    def __len__(self) -> int:
        return self._saved + len(self._unsaved)

    @property
    def failures(self) -> int:
        """Writes that the disk refused."""
        return self._database.failures

    @property
    def unsaved(self) -> int:
        """Rows that only memory holds."""
        return len(self._unsaved)

    @property
    def refused(self) -> bool:
        """Whether the disk refused rows that memory holds; others only wait for `flush`."""
        return self._refused and bool(self._unsaved)

    @property
    def waits(self) -> bool:
        return bool(self._unsaved or self._receipts) or self._noted != self._notes()

    @property
    def receipted(self) -> bool:
        """Whether a hub that sends receipts was ever met."""
        return self._receipted

    @property
    def acked(self) -> int:
        """Id up to which the broker has acknowledged every row."""
        return self._acked

    @property
    def last_id(self) -> int:
        """Id of the newest row there was."""
        return self._last_id

    def holds(self, boot: int, seq: int, after: int) -> bool:
        """Whether there is a row of session `boot` up to `seq` with an id above `after`."""
        if after >= self._last_id:
            return False
        if any(r.boot == boot and r.seq <= seq and r.id > after for r in self._unsaved):
            return True
        query = "SELECT count(*) FROM message WHERE boot = ? AND seq <= ? AND id > ?"
        return bool(self._database.number(query, boot, seq, after))

    def waiting(self) -> int:
        """Rows that matter as backlog: a plain broker without a hub never receipts any."""
        if self._receipted or self._acked >= self._last_id:
            return len(self) if self._receipted else 0
        saved = self._database.number("SELECT count(*) FROM message WHERE id > ?", self._acked)
        return saved + sum(row.id > self._acked for row in self._unsaved)

    def add(self, entry: OutboxEntry, *, keep: bool = True, later: bool = False) -> bool:
        """Take one message; True: it is on disk. With `keep`, memory holds it until it is; with
        `later` that is until `flush`, or until anything else is written."""
        self._last_id += 1
        row = OutboxRow(*_values(entry), id=self._last_id)
        self._unsaved.append(row)
        saved = not later and self._database.write()
        if not (saved or keep):
            self._unsaved.pop()
        while len(self._unsaved) > MAX_UNSAVED:
            self._evict_unsaved()
        return saved

    def flush(self) -> bool:
        """Write the rows that only memory holds; False if the disk refuses."""
        return not self._unsaved or self._database.write()

    def write(self, connection: sqlite3.Connection) -> None:
        self._forget()
        before = connection.total_changes
        connection.executemany(
            "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(r.id, r.boot, r.seq, r.kind, r.rank, r.retain, r.payload) for r in self._unsaved],
        )
        self._saved += connection.total_changes - before
        self._excess = max(0, self._saved - self._max_rows)
        if self._excess:
            self._saved -= connection.execute(
                "DELETE FROM message WHERE id IN"
                " (SELECT id FROM message ORDER BY rank, id LIMIT ?)", (self._excess,)
            ).rowcount  # fmt: skip
        self._note()

    def ended(self, written: bool) -> None:
        self._refused = not written
        if not written:
            self._saved = self._on_disk
        else:
            self._on_disk = self._saved
            self._saved_to = self._last_id
            self.evicted += self._excess
            self._unsaved.clear()
            self._receipts.clear()
            self._passed = 0, 0
            self._freed = 0
            self._noted = self._notes()

    def after(self, cursor: int, limit: int) -> list[OutboxRow]:
        """Up to `limit` rows with an id above `cursor`, in order."""
        if cursor >= self._last_id:
            return []
        rows = self._saved_after(cursor, limit) if cursor < self._saved_to else []
        waiting = (row for row in self._unsaved if row.id > cursor)
        return [*rows, *waiting][:limit]

    def _saved_after(self, cursor: int, limit: int) -> list[OutboxRow]:
        """Those that a full disk did not let go are passed over, as many as there are, and once:
        they are not read again by who goes on from before them."""
        first, last = self._passed
        if not first <= cursor <= last:
            first = last = cursor
        rows: list[OutboxRow] = []
        try:
            found = self._database.connection.execute(
                "SELECT id, boot, seq, kind, rank, retain, payload FROM message"
                " WHERE id > ? ORDER BY id", (last,)
            )  # fmt: skip
            for id_, boot, seq, kind, rank, retain, payload in found:
                row = OutboxRow(boot, seq, MessageKind(kind), rank, bool(retain), payload, id_)
                if seq > self._receipts.get(boot, -1):
                    rows.append(row)
                    if len(rows) == limit:
                        break
                elif not rows:
                    last = id_
            found.close()
            self._passed = max(self._passed, (first, last), key=lambda one: one[1] - one[0])
        except sqlite3.Error:
            self._database.failures += 1
        return rows

    def receipt(self, boot: int, seq: int) -> int:
        """The hub has committed session `boot` up to `seq`; returns how many rows that frees."""
        before = len(self)
        kept = [row for row in self._unsaved if row.boot != boot or row.seq > seq]
        self._unsaved = deque(kept)
        if self._saved:
            self._receipts[boot] = max(seq, self._receipts.get(boot, -1))
            self._database.stage(self._forget)
        freed = before - len(self)
        self._receipted = self._receipted or freed > 0
        self._freed += freed
        if self._freed >= LAZY:
            self._database.write()
        return freed

    def note_acked(self, row_id: int) -> None:
        """The broker has acknowledged every row up to `row_id`."""
        self._acked = max(self._acked, row_id)

    def _forget(self) -> None:
        for boot, seq in self._receipts.items():
            self._saved -= self._database.connection.execute(
                "DELETE FROM message WHERE boot = ? AND seq <= ?", (boot, seq)
            ).rowcount

    def _evict_unsaved(self) -> None:
        lowest = min(self._unsaved, key=lambda row: (row.rank, row.id))
        self._unsaved.remove(lowest)
        self.evicted += 1

    def _note(self) -> None:
        if self._noted != self._notes():
            self._database.connection.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [("acked", self._acked), ("receipted", self._receipted)],
            )

    def _notes(self) -> tuple[int, bool]:
        return self._acked, self._receipted

    def _meta(self, name: str) -> int:
        query = "SELECT coalesce(max(value), 0) FROM meta WHERE name = ?"
        return self._database.number(query, name)
