"""Whatever happens to an outbox, it knows how many rows it has, and gives each that is to leave."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import MAX_UNSAVED, Outbox, OutboxEntry
from fleet.contract.vocabulary import MessageKind
from tests.unit.agent_sidecar.state.test_outbox import FullDisk, entry

STEPS = 150
MAX_ROWS = 30


class FullerDisk(FullDisk):
    """One that may refuse before the commit, as where SQLite has to write what it cannot hold."""

    def __init__(self, database: sqlite3.Connection, chance: random.Random) -> None:
        super().__init__(database)
        self.full = False
        self._chance = chance

    def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
        if self.full and query.startswith("DELETE") and self._chance.random() < 0.5:
            raise sqlite3.OperationalError("database or disk is full")
        return self._database.execute(query, *values)


class Story:
    """An outbox to which something happens, and what is to be in it by then."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.path = path
        self.boot = 0
        self.open()

    def open(self) -> None:
        self.boot, self.seq = self.boot + 1, 0
        self.database = Database(self.path)
        self.outbox = Outbox(self.database, MAX_ROWS)
        self.disk = FullerDisk(self.database.connection, self.chance)
        self.database.connection = self.disk  # type: ignore[assignment]
        self.receipted: dict[int, int] = {}
        self.counts = 0
        self.disk._database.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        self.counts += "count(" in statement.lower()

    def step(self) -> None:
        what = ("add",) * 4 + ("later",) * 3 + ("receipt",) * 3 + ("flush", "settle", "full", "die")
        getattr(self, self.chance.choice(what))()
        assert self.counts == 0, "nothing of this reads all rows"
        assert self.outbox._saved == self.scanned()
        assert len(self.outbox) == self.scanned() + self.outbox.unsaved
        assert self.outbox.unsaved <= MAX_UNSAVED

    def scanned(self) -> int:
        [[rows]] = self.disk._database.execute("SELECT count(*) FROM message")
        self.counts = 0
        return int(rows)

    def add(self, *, later: bool = False) -> None:
        if self.chance.random() < 0.1:
            first = self.receipted.get(self.boot, -1) + 1
            self.seq = max(first, self.seq - 1)  # as one that was taken back, or came again
        keep = self.chance.random() < 0.8
        rank = self.chance.choice((0, 0, 1, 2))
        self.outbox.add(entry(self.seq, self.boot, rank), keep=keep, later=later)
        self.seq += 1

    def later(self) -> None:
        self.add(later=True)

    def receipt(self) -> None:
        boot = self.chance.randint(1, self.boot)
        seq = self.chance.randrange(max(1, self.seq if boot == self.boot else MAX_ROWS))
        if self.outbox.holds(boot, seq, after=0):
            self.receipted[boot] = max(seq, self.receipted.get(boot, -1))
            self.outbox.receipt(boot, seq)
        self.counts = 0  # by the question, which reads few

    def flush(self) -> None:
        self.outbox.flush()

    def settle(self) -> None:
        self.database.settle()

    def full(self) -> None:
        self.disk.full = not self.disk.full

    def die(self) -> None:
        """As after kill -9: what is not committed is undone."""
        self.disk._database.close()
        self.open()

    def leave(self, some: int) -> list[tuple[int, int]]:
        """What a sender that takes `some` at a time sends."""
        sent, cursor = [], 0
        while rows := self.outbox.after(cursor, some):
            assert len(rows) <= some
            assert [row.id for row in rows] == sorted({row.id for row in rows})
            sent += [(row.boot, row.seq) for row in rows]
            cursor = rows[-1].id
        return sent

    def due(self) -> list[tuple[int, int]]:
        rows = self.disk._database.execute("SELECT boot, seq FROM message ORDER BY id").fetchall()
        rows += [(row.boot, row.seq) for row in self.outbox._unsaved]
        return [(boot, seq) for boot, seq in rows if seq > self.receipted.get(boot, -1)]


@pytest.mark.parametrize("seed", range(10))
def test_its_number_is_that_of_a_scan_and_all_leaves_in_parts_of_any_size(
    tmp_path: Path, seed: int
) -> None:
    story = Story(tmp_path / "outbox.sqlite3", seed)
    for _ in range(STEPS):
        story.step()
        due = story.due()
        assert [story.leave(some) for some in (1, 3, 1000)] == [due, due, due]


def test_rows_that_a_full_disk_does_not_let_go_hold_back_none_behind_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "outbox.sqlite3")
    outbox = Outbox(database)
    for seq in range(40):
        outbox.add(entry(seq))
    monkeypatch.setattr(database, "connection", FullDisk(database.connection))
    outbox.receipt(1, 29)
    assert not outbox.add(OutboxEntry(2, 0, MessageKind.ALERT, 2, True, b"newest"))
    assert [row.seq for row in outbox.after(0, 8)] == list(range(30, 38))


@pytest.mark.parametrize("sent", [0, 16])
def test_rows_that_a_full_disk_does_not_let_go_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    database = Database(tmp_path / "outbox.sqlite3")
    outbox = Outbox(database)
    for seq in range(2_000):
        outbox.add(entry(seq), later=seq % MAX_UNSAVED != 0)
    outbox.flush()
    monkeypatch.setattr(database, "connection", FullDisk(database.connection))
    outbox.receipt(1, 1_989)
    steps: list[int] = []
    database.connection.set_progress_handler(lambda: steps.append(0), 100)
    assert [row.seq for row in outbox.after(sent, 99)] == list(range(1_990, 2_000))
    at_first = len(steps)
    for cursor in (sent, 1_000, sent):
        assert [row.seq for row in outbox.after(cursor, 99)] == list(range(1_990, 2_000))
    assert len(steps) - at_first < at_first / 10
