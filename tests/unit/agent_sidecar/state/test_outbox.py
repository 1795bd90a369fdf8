"""The outbox keeps every row until its receipt, within its bounds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import LAZY, MAX_UNSAVED, Outbox, OutboxEntry
from fleet.contract.vocabulary import MessageKind


def entry(seq: int, boot: int = 1, rank: int = 0) -> OutboxEntry:
    return OutboxEntry(boot, seq, MessageKind.ALERT, rank, True, b"%d" % seq)


def payloads(outbox: Outbox) -> list[bytes]:
    return [row.payload for row in outbox.after(0, 100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


def test_rows_outlive_the_process_in_order(path: Path) -> None:
    first = Outbox(Database(path))
    assert all(first.add(entry(seq)) for seq in range(3))
    second = Outbox(Database(path))  # the first was never closed, as after kill -9
    assert payloads(second) == [b"0", b"1", b"2"]


def test_only_a_receipt_removes_a_row(path: Path) -> None:
    outbox = Outbox(Database(path))
    for seq in range(4):
        outbox.add(entry(seq))
    outbox.note_acked(4)
    assert len(outbox) == 4
    assert outbox.receipt(1, 1) == 2
    assert payloads(outbox) == [b"2", b"3"]


def test_a_receipt_counts_for_its_own_session_only(path: Path) -> None:
    outbox = Outbox(Database(path))
    outbox.add(entry(5, boot=1))
    outbox.add(entry(0, boot=2))
    outbox.receipt(2, 9)
    assert payloads(outbox) == [b"5"]


def test_the_oldest_of_the_least_weight_goes_first(path: Path) -> None:
    outbox = Outbox(Database(path), max_rows=3)
    for seq, rank in enumerate((2, 0, 1, 0, 2)):
        outbox.add(entry(seq, rank=rank))
    assert payloads(outbox) == [b"0", b"2", b"4"]
    assert (outbox.evicted, len(outbox)) == (2, 3)


def test_a_plain_broker_without_a_hub_is_no_backlog(path: Path) -> None:
    outbox = Outbox(Database(path))
    outbox.add(entry(0))
    outbox.add(entry(1))
    outbox.note_acked(1)
    assert (outbox.waiting(), len(outbox)) == (1, 2)
    outbox.receipt(1, 0)
    assert outbox.waiting() == 1


def test_what_was_acknowledged_and_receipted_is_known_after_a_restart(path: Path) -> None:
    database = Database(path)
    outbox = Outbox(database)
    for seq in range(3):
        outbox.add(entry(seq))
    outbox.note_acked(2)
    outbox.receipt(1, 0)
    database.close()
    again = Outbox(Database(path))
    assert (again.acked, again.receipted, len(again)) == (2, True, 2)


def test_ids_never_return_after_all_rows_are_gone(path: Path) -> None:
    database = Database(path)
    outbox = Outbox(database)
    outbox.add(entry(0))
    outbox.note_acked(1)
    outbox.receipt(1, 0)
    database.close()
    again = Outbox(Database(path))
    again.add(entry(1))
    assert [row.id for row in again.after(again.acked, 10)] == [2]


def test_a_receipt_waits_for_the_next_write_and_many_do_not(path: Path) -> None:
    database = Database(path)
    outbox = Outbox(database)
    for seq in range(2 * LAZY):
        outbox.add(entry(seq))
    outbox.receipt(1, 0)
    assert len(outbox) == 2 * LAZY - 1
    assert len(Outbox(Database(path))) == 2 * LAZY, "after a crash it is sent once more"
    database.settle()
    assert len(Outbox(Database(path))) == 2 * LAZY - 1
    outbox.receipt(1, LAZY)
    assert len(Outbox(Database(path))) == LAZY - 1


def test_a_damaged_file_is_put_aside_and_work_goes_on(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 100)
    outbox = Outbox(Database(path))
    assert outbox.add(entry(0))
    assert path.with_suffix(".damaged").exists()


class FullDisk:
    """A connection whose commits fail while `full`, as SQLite's do."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.full = True

    def commit(self) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self._database.commit()

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


def test_a_full_disk_loses_nothing_while_memory_lasts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(path)
    outbox = Outbox(database)
    outbox.add(entry(0))
    disk = FullDisk(database.connection)
    monkeypatch.setattr(database, "connection", disk)
    assert not outbox.add(entry(1))
    assert not outbox.add(entry(2))
    assert (outbox.unsaved, len(outbox), outbox.failures) == (2, 3, 2)
    assert payloads(outbox) == [b"0", b"1", b"2"]
    assert outbox.receipt(1, 1) == 2
    assert payloads(outbox) == [b"2"]
    assert not outbox.flush()
    assert payloads(outbox) == [b"2"], "a receipt is not forgotten with the write that failed"
    disk.full = False
    assert outbox.flush()
    assert (outbox.unsaved, payloads(Outbox(Database(path)))) == (0, [b"2"])


def test_memory_is_bounded_on_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(path)
    outbox = Outbox(database)
    monkeypatch.setattr(database, "connection", FullDisk(database.connection))
    for seq in range(MAX_UNSAVED + 10):
        outbox.add(entry(seq, rank=2 if seq == 0 else 0))
    assert (outbox.unsaved, outbox.evicted) == (MAX_UNSAVED, 10)
    assert outbox.after(0, 1)[0].payload == b"0"


def test_a_message_that_is_a_file_already_need_not_be_kept_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(path)
    outbox = Outbox(database)
    monkeypatch.setattr(database, "connection", FullDisk(database.connection))
    assert not outbox.add(entry(0), keep=False)
    assert len(outbox) == 0
