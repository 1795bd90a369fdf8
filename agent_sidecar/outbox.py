"""Status and alerts on disk until the hub has receipted them.

SQLite in WAL mode with a sync on each commit: a row survives kill -9 and a power cut. When the
disk is full, rows wait in memory (bounded) and are written as soon as there is room again.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.contract.errors import FleetError
from fleet.contract.words import MessageKind, Severity

MAX_ROWS: Final = 10_000
"""Rows on disk; at 4 KiB each at most 40 MiB. Days of outage of a talkative agent."""

MAX_UNSAVED: Final = 256
"""Rows in memory while the disk is full: at most 1 MiB."""

RANK: Final = {"": 0, Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
"""What goes first when the outbox is full: the oldest of the lowest rank."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    rank INTEGER NOT NULL, retain INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE (boot, seq)
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to be kept until the hub has it; `rank` is one of `RANK`."""

    boot: int
    seq: int
    kind: MessageKind
    rank: int
    retain: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Row(Draft):
    """One message on its way; `id` gives the order over all sessions."""

    id: int = 0


def _values(draft: Draft) -> tuple[int, int, MessageKind, int, bool, bytes]:
    return draft.boot, draft.seq, draft.kind, draft.rank, draft.retain, draft.payload


class Outbox:
    """Rows in order, until receipted. One process at a time opens it (see `lock`).

    Attributes:
        evicted: rows given up because the outbox was full.
        failures: writes that the disk refused.
    """

    def __init__(self, path: Path, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows
        self._unsaved: deque[Row] = deque()
        self._receipts: dict[int, int] = {}
        self.evicted = 0
        self.failures = 0
        self._database = _open(path)
        self._last_id = self._number("SELECT coalesce(max(id), 0) FROM message")
        self._last_id = max(self._last_id, self._meta("acked"))
        self._saved = self._number("SELECT count(*) FROM message")
        self._acked = self._meta("acked")
        self._receipted = bool(self._meta("receipted"))

    def __len__(self) -> int:
        return self._saved + len(self._unsaved)

    @property
    def unsaved(self) -> int:
        """Rows that only memory holds."""
        return len(self._unsaved)

    @property
    def receipted(self) -> bool:
        """Whether a hub that sends receipts was ever met."""
        return self._receipted

    @property
    def acked(self) -> int:
        """Id up to which the broker has acknowledged every row."""
        return self._acked

    def waiting(self) -> int:
        """Rows that matter as backlog: a plain broker without a hub never receipts any."""
        if self._receipted or self._acked >= self._last_id:
            return len(self) if self._receipted else 0
        saved = self._number("SELECT count(*) FROM message WHERE id > ?", self._acked)
        return saved + sum(row.id > self._acked for row in self._unsaved)

    def add(self, draft: Draft, *, keep: bool = True) -> bool:
        """Take one message; True: it is on disk. With `keep`, memory holds it until it is."""
        self._last_id += 1
        row = Row(*_values(draft), id=self._last_id)
        self._unsaved.append(row)
        saved = self.flush()
        if not (saved or keep):
            self._unsaved.pop()
        while len(self._unsaved) > MAX_UNSAVED:
            self._evict_unsaved()
        return saved

    def flush(self) -> bool:
        """Write what only memory holds; False if the disk still refuses."""
        if not (self._unsaved or self._receipts):
            return True
        return self._write(self._flush)

    def _flush(self) -> None:
        for boot, seq in self._receipts.items():
            self._database.execute("DELETE FROM message WHERE boot = ? AND seq <= ?", (boot, seq))
        self._database.executemany(
            "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(r.id, r.boot, r.seq, r.kind, r.rank, r.retain, r.payload) for r in self._unsaved],
        )
        count = self._number("SELECT count(*) FROM message")
        excess = max(0, count - self._max_rows)
        if excess:
            self._database.execute(
                "DELETE FROM message WHERE id IN"
                " (SELECT id FROM message ORDER BY rank, id LIMIT ?)", (excess,)
            )  # fmt: skip
        self._database.commit()
        self.evicted += excess
        self._saved = count - excess
        self._unsaved.clear()
        self._receipts.clear()

    def after(self, cursor: int, limit: int) -> list[Row]:
        """Up to `limit` rows with an id above `cursor`, in order."""
        rows: list[Row] = []
        if cursor >= self._last_id:
            return rows
        try:
            found = self._database.execute(
                "SELECT id, boot, seq, kind, rank, retain, payload FROM message"
                " WHERE id > ? ORDER BY id LIMIT ?", (cursor, limit)
            )  # fmt: skip
            for id_, boot, seq, kind, rank, retain, payload in found:
                row = Row(boot, seq, MessageKind(kind), rank, bool(retain), payload, id_)
                if seq > self._receipts.get(boot, -1):
                    rows.append(row)
        except sqlite3.Error:
            self.failures += 1
        waiting = (row for row in self._unsaved if row.id > cursor)
        return [*rows, *waiting][:limit]

    def oldest(self) -> Row | None:
        rows = self.after(0, 1)
        return rows[0] if rows else None

    def receipt(self, boot: int, seq: int) -> int:
        """The hub has committed session `boot` up to `seq`; returns how many rows that frees."""
        before = len(self)
        kept = [row for row in self._unsaved if row.boot != boot or row.seq > seq]
        self._unsaved = deque(kept)
        self._receipts[boot] = max(seq, self._receipts.get(boot, -1))
        self.flush()
        freed = before - len(self)
        if freed and not self._receipted:
            self._receipted = True
            self._remember("receipted", 1)
        return freed

    def note_acked(self, row_id: int) -> None:
        """The broker has acknowledged every row up to `row_id`."""
        if row_id > self._acked:
            self._acked = row_id
            self._remember("acked", row_id)

    def close(self) -> None:
        self.flush()
        self._database.close()

    def _evict_unsaved(self) -> None:
        lowest = min(self._unsaved, key=lambda row: (row.rank, row.id))
        self._unsaved.remove(lowest)
        self.evicted += 1

    def _remember(self, name: str, value: int) -> None:
        def write() -> None:
            self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            self._database.commit()

        self._write(write)

    def _write(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except sqlite3.Error:
            self.failures += 1
            self._database.rollback()
            self._make_room()
            return False
        return True

    def _make_room(self) -> None:
        """The log of SQLite may be what fills a small disk; folded into the file, it is empty."""
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _meta(self, name: str) -> int:
        return self._number("SELECT coalesce(max(value), 0) FROM meta WHERE name = ?", name)

    def _number(self, query: str, *values: object) -> int:
        return int(self._database.execute(query, values).fetchone()[0])


def _open(path: Path) -> sqlite3.Connection:
    """The database; one that is damaged is put aside (`.damaged`) rather than trusted.

    Raises:
        FleetError: it cannot be opened or made.
    """
    try:
        return _connect(path)
    except sqlite3.OperationalError as error:
        raise FleetError(
            f"the outbox {path} cannot be opened", str(error), f"df -h {path.parent}"
        ) from None
    except sqlite3.DatabaseError:
        path.replace(path.with_suffix(".damaged"))
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0)
    try:
        path.chmod(0o600)
        database.execute("PRAGMA cache_size = -256")  # KiB: the outbox is read once, in order
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 128")  # pages of 4 KiB: small disks exist
        database.execute("PRAGMA journal_size_limit = 524288")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
